import { DockerfileError } from './dockerfile-error.ts';
import type { DockerfileFault } from './dockerfile-error.ts';
import type { EscapeCharacter } from './line-reader.ts';
import { withoutLineEnd } from './source-file.ts';
import type { SourceFile } from './source-file.ts';
import type { CheckDirective } from './warning.ts';

/** The comments at the top of a file that speak to the builder. */
export interface Directives {
  readonly syntax?: string;
  readonly escape: EscapeCharacter;
  readonly check: CheckDirective;
  /** How many lines of the file they take. */
  readonly lineCount: number;
}

type DirectiveName = 'syntax' | 'escape' | 'check';

interface Line {
  readonly name: DirectiveName;
  readonly value: string;
  readonly at: Omit<DockerfileFault, 'reason'>;
}

/** Reads `# name=value` lines until the first line that is anything else. */
export function readDirectives(source: SourceFile): Directives {
  const values = new Map<DirectiveName, string>();
  for (const raw of source.lines) {
    const line = parseLine(withoutLineEnd(raw), source.name, values.size + 1);
    if (!line) break;
    if (values.has(line.name)) {
      throw new DockerfileError({ ...line.at, reason: `only one ${line.name} directive is allowed` });
    }
    requireKnown(line);
    values.set(line.name, line.value);
  }
  return toDirectives(values);
}

function parseLine(quote: string, file: string, line: number): Line | undefined {
  const [, name, text = ''] = /^#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=(.*)$/.exec(quote) ?? [];
  const [key, value] = [name?.toLowerCase(), text.trim()];
  if (!isDirectiveName(key) || value === '') return undefined;
  return { name: key, value, at: { file, line, column: quote.lastIndexOf(value) + 1, quote } };
}

function requireKnown({ name, value, at }: Line): void {
  if (name === 'escape' && value !== '\\' && value !== '`') {
    throw new DockerfileError({ ...at, reason: `the escape character must be \\ or \`, not ${value}` });
  }
  if (name === 'syntax' && !isDockerfileSyntax(value)) {
    const hint = 'This builder reads the language of docker/dockerfile.';
    throw new DockerfileError({ ...at, reason: `the file is written for another front end, ${value}`, hint });
  }
}

/** Docker's own front end, from Docker Hub or from a mirror of it. */
const isDockerfileSyntax = (reference: string): boolean =>
  /^(?:[^/@]+\/)*dockerfile(?:-upstream)?(?:[:@].*)?$/.test(reference);

function toDirectives(values: ReadonlyMap<DirectiveName, string>): Directives {
  const syntax = values.get('syntax');
  return {
    ...(syntax === undefined ? {} : { syntax }),
    escape: values.get('escape') === '`' ? '`' : '\\',
    check: parseCheck(values.get('check') ?? ''),
    lineCount: values.size,
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
