import { debianMinimal } from '../debian-minimal/recipe.ts';
import type { Recipe } from '../recipe.ts';

/** The default image of the wire. */
export const ubuntuMinimal: Recipe = {
  name: 'tensorlake/ubuntu-minimal',
  base: 'Ubuntu 24.04 (noble)',
  source: {
    kind: 'registry',
    registry: 'https://registry-1.docker.io',
    repository: 'library/ubuntu',
    tag: '24.04',
  },
  packages: debianMinimal.packages,
  fallback: debianMinimal.name,
};
