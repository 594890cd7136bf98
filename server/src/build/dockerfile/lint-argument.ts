import type { Dockerfile } from './dockerfile.ts';
import { findingAt, instructionsOf } from './finding.ts';
import type { Finding } from './warning.ts';

export const legacyFormat = (dockerfile: Dockerfile): Finding[] =>
  instructionsOf(dockerfile).flatMap((instruction) => {
    if ((instruction.kind !== 'env' && instruction.kind !== 'label') || !instruction.isLegacy) return [];
    const name = instruction.kind.toUpperCase();
    const message = `"${name} key=value" should be used instead of legacy "${name} key value" format`;
    return [findingAt('LegacyKeyValueFormat', message, instruction)];
  });

const secretWord = /(?:_|^)(?:apikey|auth|credentials?|key|password|pword|passwd|secret|token)(?:_|$)/i;
const publicWord = /(?:_|^)public(?:_|$)/i;

const isSecret = (name: string): boolean => secretWord.test(name) && !publicWord.test(name);

export const secretNames = (dockerfile: Dockerfile): Finding[] =>
  instructionsOf(dockerfile).flatMap((instruction) => {
    if (instruction.kind !== 'env' && instruction.kind !== 'arg') return [];
    const command = instruction.kind.toUpperCase();
    return instruction.entries
      .filter(({ name }) => isSecret(name.text))
      .map(({ name }) => {
        const message = `Do not use ARG or ENV instructions for sensitive data (${command} "${name.text}")`;
        return findingAt('SecretsUsedInArgOrEnv', message, instruction, name.offset);
      });
  });

export const exposeFormat = (dockerfile: Dockerfile): Finding[] =>
  portsOf(
    dockerfile,
    ({ text }) => text.includes(':') && !text.includes('$'),
    'ExposeInvalidFormat',
    (port) => `EXPOSE instruction should not define an IP address or host-port mapping, found '${port}'`,
  );

export const exposeProtocolCasing = (dockerfile: Dockerfile): Finding[] =>
  portsOf(
    dockerfile,
    ({ text }) => /[A-Z]/.test(text.slice(text.lastIndexOf('/'))) && !text.includes('$'),
    'ExposeProtoCasing',
    (port) => `Defined protocol '${port}' in EXPOSE instruction should be lowercase`,
  );

function portsOf(
  dockerfile: Dockerfile,
  isWrong: (port: { text: string }) => boolean,
  rule: 'ExposeInvalidFormat' | 'ExposeProtoCasing',
  message: (port: string) => string,
): Finding[] {
  return instructionsOf(dockerfile).flatMap((instruction) => {
    if (instruction.kind !== 'expose') return [];
    const ports = instruction.values.filter(isWrong);
    return ports.map((port) => findingAt(rule, message(port.text), instruction, port.offset));
  });
}
