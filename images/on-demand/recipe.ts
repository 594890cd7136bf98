import type { DebianSource, Recipe, RegistrySource } from '../recipe.ts';

/** An image that is built when somebody first asks for it, because few need it or because it is large. */
export interface OnDemandRecipe extends Omit<Recipe, 'fallback' | 'source'> {
  /** What stands behind it in `describe`, and how to get there; the first that can be reached is taken. */
  sources: readonly { base: string; source: DebianSource | RegistrySource; substitutes?: Substitute }[];
  /** Beside those of every base image: what it needs at run time (docs/images.md). */
  labels: Readonly<Record<string, string>>;
  /** What those start that run what their image says. Absent: a shell, as in every base image. */
  entrypoint?: readonly string[];
}

/** What a source stands in for, and why. */
export interface Substitute {
  for: string;
  reason: string;
}
