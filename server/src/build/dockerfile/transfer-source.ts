import { posix } from 'node:path';
import type { AddInstruction } from './instruction.ts';
import { parseGitReference } from './git-reference.ts';
import type { GitSource, PathSource, UrlSource } from './step.ts';
import type { Word } from './word.ts';

/** A path below the origin's root: `..` stops there, and a trailing `/` stays. */
export function pathSource(text: string): PathSource {
  const pivotAt = text.indexOf('/./');
  const path = rooted(text);
  return {
    kind: 'path',
    text,
    path,
    isPattern: /[*?[\\]/.test(text),
    ...(pivotAt < 0 ? {} : { pivot: rooted(text.slice(0, pivotAt)) }),
  };
}

function rooted(text: string): string {
  const path = posix.resolve('/', text.replace(/^\/+/, ''));
  return text.endsWith('/') && path !== '/' ? `${path}/` : path;
}

/** A source of ADD: git before web addresses, since a repository has one too. */
export function addSource(
  text: string,
  word: Word,
  instruction: AddInstruction,
  checksum: string | undefined,
): PathSource | UrlSource | GitSource {
  const git = parseGitReference(text);
  if (git) return gitSource(git, instruction, checksum);
  if (/^https?:\/\//i.test(text)) return urlSource(text, word, instruction, checksum);
  if (checksum === undefined) return pathSource(text);
  throw instruction.line.error(
    instruction.checksum?.offset ?? word.offset,
    '--checksum is for web and git sources only',
  );
}

function gitSource(
  git: Omit<GitSource, 'keepsGitDirectory'>,
  { checksum: flag, line, keepsGitDirectory }: AddInstruction,
  checksum: string | undefined,
): GitSource {
  if (checksum !== undefined && !/^[0-9a-f]{7,64}$/.test(checksum)) {
    throw line.error(flag?.offset ?? 0, `--checksum of a git source is a commit, not ${checksum}`);
  }
  return {
    ...git,
    ...(checksum === undefined ? {} : { commit: checksum }),
    keepsGitDirectory: keepsGitDirectory ?? false,
  };
}

function urlSource(
  text: string,
  word: Word,
  { line, checksum: flag }: AddInstruction,
  checksum: string | undefined,
): UrlSource {
  if (!URL.canParse(text)) throw line.error(word.offset, `${JSON.stringify(text)} is not a URL`);
  if (
    checksum !== undefined &&
    !/^(?:sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128})$/.test(checksum)
  ) {
    throw line.error(
      flag?.offset ?? 0,
      `--checksum of a web source is like sha256:<64 hex digits>, not ${checksum}`,
    );
  }
  const fileName = fileNameOf(new URL(text));
  return {
    kind: 'url',
    url: text,
    ...(fileName === '' ? {} : { fileName }),
    ...(checksum === undefined ? {} : { checksum }),
  };
}

/** A name that is no path, whatever the URL encodes. */
function fileNameOf({ pathname }: URL): string {
  const name = tryDecode(posix.basename(pathname.endsWith('/') ? '' : pathname));
  return name === '.' || name === '..' || /[/\0]/.test(name) ? '' : name;
}

function tryDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
