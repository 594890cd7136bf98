import { DockerfileError } from './dockerfile-error.ts';
import type { EscapeCharacter } from './line-reader.ts';
import { withoutLineEnd } from './source-file.ts';
import type { SourceFile } from './source-file.ts';

/** The comments at the top of a file that speak to the builder. */
export interface Directives {
  readonly syntax?: string;
  readonly escape: EscapeCharacter;
  readonly check: CheckDirective;
  /** How many lines of the file they take. */
  readonly lineCount: number;
}

export interface CheckDirective {
  /** Names of lint rules, or `all`. */
  readonly skip: readonly string[];
  readonly isError: boolean;
}

type DirectiveName = 'syntax' | 'escape' | 'check';

const pattern = /^#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*$/;

/** Reads `# name=value` lines until the first line that is anything else. */
export function readDirectives(source: SourceFile): Directives {
  const values = new Map<DirectiveName, string>();
  let lineCount = 0;
  for (const raw of source.lines) {
    const line = withoutLineEnd(raw);
    const name = pattern.exec(line)?.[1]?.toLowerCase();
    if (!isDirectiveName(name)) break;
    const at = { file: source.name, line: lineCount + 1, column: 1, quote: line };
    if (values.has(name))
      throw new DockerfileError({ ...at, reason: `only one ${name} directive is allowed` });
    const value = pattern.exec(line)?.[2] ?? '';
    if (name === 'escape' && !isEscape(value)) {
      const column = line.lastIndexOf(value) + 1;
      throw new DockerfileError({
        ...at,
        column,
        reason: `the escape character must be \\ or \`, not ${value}`,
      });
    }
    values.set(name, value);
    lineCount++;
  }
  return toDirectives(values, lineCount);
}

function toDirectives(values: ReadonlyMap<DirectiveName, string>, lineCount: number): Directives {
  const syntax = values.get('syntax');
  return {
    ...(syntax === undefined ? {} : { syntax }),
    escape: values.get('escape') === '`' ? '`' : '\\',
    check: parseCheck(values.get('check') ?? ''),
    lineCount,
  };
}

/** Reads `skip=A,B;error=true`, the value of `# check=` and of BUILDKIT_DOCKERFILE_CHECK. */
export function parseCheck(value: string): CheckDirective {
  const parts = new Map(
    value.split(';').map((part) => {
      const [key = '', ...rest] = part.split('=');
      return [key.trim().toLowerCase(), rest.join('=').trim()] as const;
    }),
  );
  const skip = (parts.get('skip') ?? '').split(',').map((rule) => rule.trim());
  return { skip: skip.filter((rule) => rule !== ''), isError: parts.get('error')?.toLowerCase() === 'true' };
}

const isDirectiveName = (name: string | undefined): name is DirectiveName =>
  name === 'syntax' || name === 'escape' || name === 'check';

const isEscape = (value: string): value is EscapeCharacter => value === '\\' || value === '`';
