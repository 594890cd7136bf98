import { LogicalLine } from './logical-line.ts';
import type { Piece } from './logical-line.ts';
import { withoutLineEnd } from './source-file.ts';
import type { Position, SourceFile } from './source-file.ts';

export type EscapeCharacter = '\\' | '`';

/** Joins the lines of a file into instructions, and hands out the raw lines of heredocs. */
export class LineReader {
  /** Blank lines inside a continued instruction, which Docker deprecates. */
  readonly emptyContinuations: Position[] = [];
  readonly #source: SourceFile;
  readonly #continuation: RegExp;
  #next: number;

  constructor(source: SourceFile, escape: EscapeCharacter, firstLine: number) {
    this.#source = source;
    this.#next = firstLine;
    const mark = escape === '\\' ? '\\\\' : '`';
    // A doubled escape character at the end of a line is that character, not a continuation.
    this.#continuation = new RegExp(`(?<!${mark})${mark}[ \\t]*$`);
  }

  /** The next instruction, or undefined at the end of the file. */
  read(): LogicalLine | undefined {
    for (let line = this.#take(); line !== undefined; line = this.#take()) {
      const text = withoutLineEnd(line);
      if (text.trim() === '' || isComment(text)) continue;
      const joined = this.#join(text);
      if (joined.text.trim() !== '') return joined;
    }
    return undefined;
  }

  /** The raw text up to the line that ends the heredoc, or undefined when the file ends first. */
  readHeredoc(terminator: string, stripsTabs: boolean): string | undefined {
    const content: string[] = [];
    for (let line = this.#take(); line !== undefined; line = this.#take()) {
      const text = withoutLineEnd(line);
      if ((stripsTabs ? text.replace(/^\t+/, '') : text) === terminator) return content.join('');
      content.push(line);
    }
    return undefined;
  }

  /** The number of the line that was read last. */
  get line(): number {
    return this.#next;
  }

  #join(first: string): LogicalLine {
    const indent = first.length - first.trimStart().length;
    const pieces: Piece[] = [];
    const parts: string[] = [];
    let offset = 0;
    let column = indent + 1;
    for (let line: string | undefined = first.trimStart(); line !== undefined; column = 1) {
      const part = this.#cut(line);
      pieces.push({ offset, line: this.#next, column });
      parts.push(part ?? line);
      offset += (part ?? line).length;
      line = part === undefined ? undefined : this.#takeContinuation();
    }
    return new LogicalLine(this.#source, parts.join(''), pieces);
  }

  #cut(text: string): string | undefined {
    const found = this.#continuation.exec(text);
    return found ? text.slice(0, found.index) : undefined;
  }

  #takeContinuation(): string | undefined {
    for (let line = this.#take(); line !== undefined; line = this.#take()) {
      const text = withoutLineEnd(line);
      if (text.trim() === '') this.emptyContinuations.push({ line: this.#next, column: 1 });
      else if (!isComment(text)) return text;
    }
    return undefined;
  }

  #take(): string | undefined {
    const line = this.#source.lines[this.#next];
    if (line !== undefined) this.#next++;
    return line;
  }
}

const isComment = (text: string): boolean => text.trimStart().startsWith('#');
