import { once } from 'node:events';
import { formatTable } from './table.ts';
import { startSpinner } from './spinner.ts';

/** A stream of the terminal, or a pipe. */
export type Sink = NodeJS.WriteStream;

export interface OutputOptions {
  stdout: Sink;
  stderr: Sink;
  json: boolean;
  quiet: boolean;
}

/** Where commands put what they have to say: data to standard output, everything else to standard error. */
export interface Output {
  readonly json: boolean;
  /** Whether a person reads the data. */
  readonly isTerminal: boolean;
  /** Whether a person sees the progress. */
  readonly isProgressSeen: boolean;
  /** Raw data; waits while the reader is behind. */
  write(data: string | Uint8Array): Promise<void>;
  writeError(data: string): Promise<void>;
  /** A line of data. */
  line(text: string): Promise<void>;
  /** The value with `--json`, else what `render` makes of it. */
  result(value: unknown, render: () => string): Promise<void>;
  /** Aligned for people, tab-separated for programs. */
  table(header: readonly string[], rows: readonly (readonly string[])[]): string;
  /** A line of progress. */
  note(text: string): void;
  /** Progress that lasts: a spinner on a terminal, a line elsewhere. */
  progress<T>(text: string, work: () => Promise<T>): Promise<T>;
}

export function createOutput({ stdout, stderr, json, quiet }: OutputOptions): Output {
  const isProgressSeen = stderr.isTTY === true && !quiet;
  const write = async (sink: Sink, data: string | Uint8Array) => {
    if (!sink.write(data)) await once(sink, 'drain');
  };
  const output: Output = {
    json,
    isTerminal: stdout.isTTY === true,
    isProgressSeen,
    write: (data) => write(stdout, data),
    writeError: (data) => write(stderr, data),
    line: (text) => write(stdout, `${text}\n`),
    result: (value, render) => output.line(json ? JSON.stringify(value, undefined, 2) : render()),
    table: (header, rows) => formatTable(header, rows, output.isTerminal),
    note: (text) => {
      if (!quiet) stderr.write(`${text}\n`);
    },
    progress: async (text, work) => {
      if (!isProgressSeen) output.note(`${text}...`);
      const stop = isProgressSeen ? startSpinner(stderr, text) : () => undefined;
      try {
        return await work();
      } finally {
        stop();
      }
    },
  };
  return output;
}
