import { DockerfileError } from './dockerfile-error.ts';
import type { StageInstruction } from './instruction.ts';
import { parseInstruction } from './parse-instruction.ts';
import { parseFile } from './parser.ts';
import { readSource } from './source-file.ts';

/** Parses the ONBUILD triggers of an image's config. */
export const parseTriggers = (triggers: readonly string[], image: string): StageInstruction[] =>
  triggers.flatMap((trigger) => parseTrigger(trigger, image));

function parseTrigger(trigger: string, image: string): StageInstruction[] {
  const file = `ONBUILD of ${image}`;
  return parseFile(readSource(trigger, file)).lines.map((parsed) => {
    const instruction = parseInstruction(parsed);
    if (instruction.kind !== 'from' && instruction.kind !== 'onbuild') return instruction;
    const reason = `${parsed.name} cannot be an ONBUILD trigger`;
    throw new DockerfileError({ file, line: 1, column: 1, quote: trigger, reason });
  });
}
