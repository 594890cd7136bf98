/** Shorter ones would be found in what has nothing to do with them, and are no secrets worth the name. */
const MIN_CHARS = 6;

/** Puts `***` in the place of each of the values, and of each line of one that has several. */
export function hideValues(values: readonly string[]): (text: string) => string {
  const hidden = values
    .flatMap((value) => [value, ...value.split('\n')])
    .map((value) => value.trim())
    .filter((value) => value.length >= MIN_CHARS)
    // One that is a part of another would leave the rest of that one.
    .toSorted((a, b) => b.length - a.length);
  return (text) => hidden.reduce((shown, value) => shown.replaceAll(value, '***'), text);
}
