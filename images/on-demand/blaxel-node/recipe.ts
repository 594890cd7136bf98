import { hubImage } from '../blaxel.ts';
import type { OnDemandRecipe } from '../recipe.ts';

/** For programs in JavaScript. */
export const blaxelNode: OnDemandRecipe = hubImage({
  name: 'node',
  standsInFor: 'Alpine with Node.js 23',
  differs: 'Node.js 20',
  packages: ['nodejs', 'npm'],
});
