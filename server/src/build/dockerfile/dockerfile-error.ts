import { ApiError } from '@atoll/protocol';

export interface DockerfileFault {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** The line that holds the fault. */
  readonly quote: string;
  readonly reason: string;
  /** The word that was probably meant. */
  readonly suggestion?: string | undefined;
  readonly hint?: string | undefined;
}

/** A Dockerfile that cannot be built; the message points at the place and quotes its line. */
export class DockerfileError extends ApiError {
  readonly fault: DockerfileFault;

  constructor(fault: DockerfileFault) {
    super('invalid_dockerfile', messageOf(fault), fault.hint === undefined ? {} : { hint: fault.hint });
    this.name = 'DockerfileError';
    this.fault = fault;
  }
}

function messageOf(fault: DockerfileFault): string {
  const { file, line, column, reason, suggestion } = fault;
  const guess = suggestion === undefined ? '' : ` (did you mean ${suggestion}?)`;
  return [`${file}:${line}:${column}: ${reason}${guess}`, ...quoteLines(fault)].join('\n');
}

/** How much of a long line is shown around the caret. */
const QUOTE_COLUMNS = 160;

function quoteLines({ line, column, quote }: DockerfileFault): string[] {
  if (quote === '') return [];
  const cut = Math.max(0, column - QUOTE_COLUMNS / 2);
  const shown = quote.slice(cut, cut + QUOTE_COLUMNS);
  // Tabs stay tabs, so that the caret stands under its character at every tab width.
  const indent = shown.slice(0, column - 1 - cut).replace(/[^\t]/g, ' ');
  return [`  ${line} | ${shown}`, `  ${' '.repeat(String(line).length)} | ${indent}^`];
}
