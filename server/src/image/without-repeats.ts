/**
 * An image may have one layer several times, which overlay refuses (ELOOP). All that the lower ones say of a path the
 * topmost one says too, so that one alone makes the same tree.
 */
export const withoutRepeats = (trees: readonly string[]): string[] =>
  trees.filter((tree, index) => !trees.includes(tree, index + 1));
