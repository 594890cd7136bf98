import { hubImage } from '../blaxel.ts';
import type { OnDemandRecipe } from '../recipe.ts';

/** What a sandbox of the Blaxel API starts from that names no image: Node.js, Python, curl and git. */
export const blaxelBaseImage: OnDemandRecipe = hubImage({
  name: 'base-image',
  standsInFor: 'Alpine with Node.js 22 and Python 3.12',
  differs: 'Node.js 20, Python 3.13, and npm only by `apt-get install npm`',
  packages: ['nodejs'],
});
