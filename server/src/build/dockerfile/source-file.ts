import { DockerfileError } from './dockerfile-error.ts';

/** A place in a Dockerfile: both numbers start at 1, columns count UTF-16 units. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

export interface SourceRange {
  readonly start: Position;
  readonly end: Position;
}

export interface SourceFile {
  readonly name: string;
  /** With their line ends: a heredoc keeps them. */
  readonly lines: readonly string[];
}

export const MAX_DOCKERFILE_BYTES = 1024 * 1024;
/** The longest line Docker's own scanner takes. */
const MAX_LINE_BYTES = 65_535;

/** Decodes a Dockerfile: UTF-8, with or without a byte order mark, any line ends. */
export function readSource(content: string | Uint8Array, name: string): SourceFile {
  const bytes = typeof content === 'string' ? Buffer.from(content) : Buffer.from(content);
  const atStart = { file: name, line: 1, column: 1, quote: '' };
  if (bytes.length > MAX_DOCKERFILE_BYTES) {
    throw new DockerfileError({
      ...atStart,
      reason: `the file is larger than ${MAX_DOCKERFILE_BYTES} bytes`,
    });
  }
  if (isUtf16(bytes)) {
    throw new DockerfileError({ ...atStart, reason: 'the file is UTF-16 text', hint: 'Save it as UTF-8.' });
  }
  return { name, lines: splitLines(bytes).map((line, index) => decodeLine(line, index, name)) };
}

/** The text of a line as the parser sees it: without its end. */
export function withoutLineEnd(line: string): string {
  let end = line.length;
  while (line[end - 1] === '\n' || line[end - 1] === '\r') end--;
  return line.slice(0, end);
}

const isUtf16 = (bytes: Buffer): boolean =>
  (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);

function splitLines(bytes: Buffer): Buffer[] {
  const hasMark = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  const lines: Buffer[] = [];
  for (let start = hasMark ? 3 : 0; start < bytes.length;) {
    const newline = bytes.indexOf(0x0a, start);
    const end = newline < 0 ? bytes.length : newline + 1;
    lines.push(bytes.subarray(start, end));
    start = end;
  }
  return lines;
}

function decodeLine(bytes: Buffer, index: number, file: string): string {
  const text = bytes.toString();
  const at = { file, line: index + 1, quote: withoutLineEnd(text) };
  const reject = (column: number, reason: string): never => {
    throw new DockerfileError({ ...at, column, reason });
  };
  if (bytes.length > MAX_LINE_BYTES) reject(1, `the line is longer than ${MAX_LINE_BYTES} bytes`);
  if (text.includes('\0')) reject(text.indexOf('\0') + 1, 'the line holds a NUL byte');
  if (text.includes('\uFFFD') && !Buffer.from(text).equals(bytes)) {
    reject(text.indexOf('\uFFFD') + 1, 'the line is not valid UTF-8');
  }
  return text;
}
