import type { Dockerfile } from './dockerfile.ts';
import type { Instruction, Place } from './instruction.ts';
import type { Finding, LintRule } from './warning.ts';

/** A finding at an offset of an instruction; at its keyword by default. */
export const findingAt = (
  rule: LintRule,
  message: string,
  { line, keyword }: Place,
  offset = keyword.offset,
): Finding => ({ rule, message, position: line.positionOf(offset) });

export const instructionsOf = ({ globalArgs, stages }: Dockerfile): Instruction[] => [
  ...globalArgs,
  ...stages.flatMap(({ from, instructions }) => [from, ...instructions]),
];
