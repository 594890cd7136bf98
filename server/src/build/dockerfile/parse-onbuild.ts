import { requireText } from './argument.ts';
import type { ArgumentContext } from './argument.ts';
import type { Instruction, OnbuildInstruction } from './instruction.ts';
import { splitCommand } from './parser.ts';
import type { ParsedLine } from './parser.ts';

const forbidden: Readonly<Record<string, string>> = {
  ONBUILD: 'ONBUILD cannot trigger ONBUILD',
  MAINTAINER: 'MAINTAINER cannot be an ONBUILD trigger',
};

/** Reads `ONBUILD instruction`; the trigger is checked like any instruction. */
export function parseOnbuild(
  context: ArgumentContext,
  parse: (parsed: ParsedLine) => Instruction,
): OnbuildInstruction {
  const { place, heredocs } = context;
  const rest = requireText(context);
  const command = splitCommand(place.line, rest.offset, place.escape);
  const reason = forbidden[command.name];
  if (reason !== undefined) throw place.line.error(rest.offset, reason);
  const triggered = parse({ ...place, ...command, heredocs });
  if (triggered.kind === 'from') throw place.line.error(rest.offset, 'FROM cannot be an ONBUILD trigger');
  const trigger = [rest.text, ...heredocs.map(({ name, content }) => `${content}${name}`)].join('\n');
  return { kind: 'onbuild', ...place, trigger, triggered };
}
