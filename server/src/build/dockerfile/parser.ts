import { commandNames, commandOf, isCommandName } from './command.ts';
import type { CommandName } from './command.ts';
import { readDirectives } from './directive.ts';
import type { Directives } from './directive.ts';
import { parseExecForm } from './exec-form.ts';
import { splitFlags } from './flag.ts';
import { findHeredocs } from './heredoc.ts';
import type { Heredoc } from './heredoc.ts';
import { LineReader } from './line-reader.ts';
import type { LogicalLine } from './logical-line.ts';
import { nearestWord } from './nearest-word.ts';
import type { Position, SourceFile, SourceRange } from './source-file.ts';
import type { Word } from './word.ts';

/** One instruction as it is written: nothing about its arguments is known yet. */
export interface ParsedLine {
  readonly name: CommandName;
  readonly keyword: Word;
  readonly flags: readonly Word[];
  readonly rest: Word;
  readonly heredocs: readonly Heredoc[];
  readonly line: LogicalLine;
  readonly range: SourceRange;
  readonly escape: string;
}

export interface ParsedFile {
  readonly source: SourceFile;
  readonly directives: Directives;
  readonly lines: readonly ParsedLine[];
  readonly emptyContinuations: readonly Position[];
}

/** Each instruction is a step at most; Docker's own limit of layers is far below. */
const MAX_INSTRUCTIONS = 4096;

/** Splits a Dockerfile into its instructions. */
export function parseFile(source: SourceFile): ParsedFile {
  const directives = readDirectives(source);
  const reader = new LineReader(source, directives.escape, directives.lineCount);
  const lines: ParsedLine[] = [];
  for (let line = reader.read(); line; line = reader.read()) {
    if (lines.length === MAX_INSTRUCTIONS) {
      throw line.error(0, `the file has more than ${MAX_INSTRUCTIONS} instructions`);
    }
    lines.push(parseLine(line, reader, directives.escape));
  }
  return { source, directives, lines, emptyContinuations: reader.emptyContinuations };
}

function parseLine(line: LogicalLine, reader: LineReader, escape: string): ParsedLine {
  const { keyword, name, flags, rest } = splitCommand(line, 0, escape);
  const heredocs = announcesHeredocs({ name, rest, line, escape }) ? readHeredocs(line, reader) : [];
  const lastLine = heredocs.length > 0 ? { line: reader.line, column: 1 } : line.range.end;
  return {
    name,
    keyword,
    flags,
    rest,
    heredocs,
    line,
    range: { start: line.range.start, end: lastLine },
    escape,
  };
}

/** Splits the text from `start` on into keyword, flags and arguments. */
export function splitCommand(
  line: LogicalLine,
  start: number,
  escape: string,
): Pick<ParsedLine, 'name' | 'keyword' | 'flags' | 'rest'> {
  const text = line.text.slice(start).trimEnd();
  const keyword = { text: /^\S*/.exec(text)?.[0] ?? '', offset: start };
  const name = keyword.text.toUpperCase();
  if (!isCommandName(name)) throw unknownInstruction(line, keyword);
  const rest = { text: text.slice(keyword.text.length), offset: start + keyword.text.length };
  return { name, keyword, ...splitFlags(rest, escape) };
}

function unknownInstruction(line: LogicalLine, keyword: Word): Error {
  const word = keyword.text.length > 40 ? `${keyword.text.slice(0, 40)}…` : keyword.text;
  const suggestion = nearestWord(keyword.text, commandNames);
  const hint = 'A line that belongs to the one before it needs an escape character at the end of that one.';
  return line.error(
    keyword.offset,
    `unknown instruction ${word}`,
    suggestion === undefined ? { hint } : { suggestion },
  );
}

/** ONBUILD carries the heredocs of its trigger; an exec form has none. */
function announcesHeredocs({
  name,
  rest,
  line,
  escape,
}: Pick<ParsedLine, 'name' | 'rest' | 'line' | 'escape'>): boolean {
  if (!line.text.includes('<<')) return false;
  if (name !== 'ONBUILD')
    return commandOf(name).takesHeredocs === true && parseExecForm(rest.text).is !== 'strings';
  if (!/^(add|copy|run)\s/i.test(rest.text)) return false;
  const trigger = splitCommand(line, rest.offset, escape);
  return parseExecForm(trigger.rest.text).is !== 'strings';
}

function readHeredocs(line: LogicalLine, reader: LineReader): Heredoc[] {
  return findHeredocs(line.text).map((mark) => {
    const content = reader.readHeredoc(mark.name, mark.stripsTabs);
    if (content === undefined) {
      throw line.error(Math.max(0, line.text.indexOf('<<')), `the heredoc ${mark.name} is not closed`, {
        hint: `End it with a line that is ${mark.name} and nothing else.`,
      });
    }
    return { ...mark, content };
  });
}
