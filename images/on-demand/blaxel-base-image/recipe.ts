import { debianMinimal } from '../../debian-minimal/recipe.ts';
import type { OnDemandRecipe } from '../recipe.ts';

/** What a sandbox of the Blaxel API starts from that names no image: Node.js, Python, curl and git. */
export const blaxelBaseImage: OnDemandRecipe = {
  name: 'blaxel/base-image',
  base: debianMinimal.base,
  sources: [
    {
      base: debianMinimal.base,
      source: debianMinimal.source,
      substitutes: {
        for: 'Alpine with Node.js 22 and Python 3.12',
        reason:
          'this server makes its images from the archive of Debian: Node.js 20, Python 3.13, and npm only by `apt-get install npm`',
      },
    },
  ],
  packages: [...debianMinimal.packages, 'nodejs'],
  labels: { 'dev.atoll.user': 'root', 'dev.atoll.workdir': '/blaxel' },
};
