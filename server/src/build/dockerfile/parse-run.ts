import { parseCommandForm, requireText } from './argument.ts';
import type { ArgumentContext } from './argument.ts';
import type { RunInstruction } from './instruction.ts';
import { parseMountFlags } from './mount-flag.ts';
import { nearestWord } from './nearest-word.ts';

const networkModes = ['default', 'none', 'host'] as const;
const securityModes = ['sandbox', 'insecure'] as const;

/** Reads `RUN [flags] command`. */
export function parseRun(context: ArgumentContext): RunInstruction {
  const { place, flags, heredocs, rest } = context;
  const command = parseCommandForm(requireText(context), context);
  if (command.form === 'exec' && command.args.length === 0) {
    throw place.line.error(rest.offset, 'RUN needs at least one argument');
  }
  return {
    kind: 'run',
    ...place,
    command,
    heredocs,
    mounts: parseMountFlags(flags.list('mount'), place.line),
    network: parseMode('network', networkModes, context),
    security: parseMode('security', securityModes, context),
  };
}

/** A flag with a fixed choice; the first is what its absence means. */
function parseMode<Mode extends string>(
  flag: string,
  modes: readonly [Mode, ...Mode[]],
  { flags, place }: ArgumentContext,
): Mode {
  const word = flags.text(flag);
  if (!word) return modes[0];
  const mode = modes.find((candidate) => candidate === word.text);
  if (mode !== undefined) return mode;
  throw place.line.error(word.offset, `--${flag} is one of ${modes.join(', ')}, not ${word.text}`, {
    suggestion: nearestWord(word.text, modes),
  });
}
