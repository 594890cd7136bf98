/** The known word that a misspelt one was probably meant to be. */
export function nearestWord(word: string, known: readonly string[]): string | undefined {
  if (word.length > MAX_WORD_CHARS) return undefined;
  const [best] = known
    .slice(0, MAX_CANDIDATES)
    .filter((candidate) => Math.abs(candidate.length - word.length) <= 3)
    .map((candidate) => ({ candidate, distance: distance(word.toLowerCase(), candidate.toLowerCase()) }))
    .filter(({ candidate, distance: edits }) => edits <= allowedEdits(candidate))
    .toSorted((a, b) => a.distance - b.distance);
  return best?.candidate;
}

const MAX_WORD_CHARS = 64;
const MAX_CANDIDATES = 1000;

const allowedEdits = (word: string): number => (word.length <= 2 ? 1 : word.length <= 5 ? 2 : 3);

/** Edits between two words, where swapping two neighbours is one edit. */
function distance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, index) => index)];
  for (let i = 1; i <= a.length; i++) rows.push(nextRow(rows, a, b, i));
  return rows[a.length]?.[b.length] ?? 0;
}

function nextRow(rows: readonly number[][], a: string, b: string, i: number): number[] {
  const row = [i];
  const cell = (y: number, x: number): number => (y === i ? row : rows[y])?.[x] ?? Infinity;
  for (let j = 1; j <= b.length; j++) {
    const change = a[i - 1] === b[j - 1] ? 0 : 1;
    const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
    const swap = isSwap ? cell(i - 2, j - 2) + 1 : Infinity;
    row.push(Math.min(cell(i - 1, j) + 1, cell(i, j - 1) + 1, cell(i - 1, j - 1) + change, swap));
  }
  return row;
}
