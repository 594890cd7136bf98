import { cleanPath } from './path-pattern.ts';

/** Reads the patterns of a `.dockerignore`: comments, blank lines and the byte order mark go. */
export function parseDockerignore(content: string): string[] {
  return content
    .replace(/^\uFEFF/, '')
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .map(normalize);
}

/** Patterns are relative to the context, however they begin. */
function normalize(line: string): string {
  const isNegated = line.startsWith('!');
  const written = isNegated ? line.slice(1).trim() : line;
  const cleaned = written === '' ? '' : cleanPath(written);
  const relative = cleaned.length > 1 ? cleaned.replace(/^\//, '') : cleaned;
  return (isNegated ? '!' : '') + relative;
}

/** Where the patterns for a Dockerfile stand: the first file that exists is the one that counts. */
export const dockerignoreNames = (dockerfileName: string): readonly string[] => [
  `${dockerfileName}.dockerignore`,
  '.dockerignore',
];
