import { DockerfileError } from './dockerfile-error.ts';
import { withoutLineEnd } from './source-file.ts';
import type { Position, SourceFile, SourceRange } from './source-file.ts';

/** Part of a logical line that stands in one line of the file. */
export interface Piece extends Position {
  /** Where it starts in the text of the logical line. */
  readonly offset: number;
}

/** Where a fault is described: with the word that was probably meant, or what to do. */
export interface Advice {
  readonly suggestion?: string | undefined;
  readonly hint?: string | undefined;
}

/** One instruction's text with its continuations joined; every character knows its place in the file. */
export class LogicalLine {
  readonly text: string;
  readonly source: SourceFile;
  readonly #pieces: readonly Piece[];

  constructor(source: SourceFile, text: string, pieces: readonly Piece[]) {
    this.source = source;
    this.text = text;
    this.#pieces = pieces;
  }

  positionOf(offset: number): Position {
    const piece = this.#pieceAt(offset);
    if (!piece) return { line: 1, column: 1 };
    return { line: piece.line, column: piece.column + Math.max(0, offset - piece.offset) };
  }

  /** The last piece that starts at the offset or before it. */
  #pieceAt(offset: number): Piece | undefined {
    let [low, high] = [0, this.#pieces.length];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((this.#pieces[middle]?.offset ?? Infinity) <= offset) low = middle;
      else high = middle;
    }
    return this.#pieces[low];
  }

  get range(): SourceRange {
    return { start: this.positionOf(0), end: this.positionOf(this.text.length) };
  }

  error(offset: number, reason: string, advice: Advice = {}): DockerfileError {
    const position = this.positionOf(offset);
    const quote = withoutLineEnd(this.source.lines[position.line - 1] ?? '');
    return new DockerfileError({ file: this.source.name, ...position, quote, reason, ...advice });
  }
}
