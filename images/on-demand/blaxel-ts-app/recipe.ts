import { hubImage } from '../blaxel.ts';
import type { OnDemandRecipe } from '../recipe.ts';

/** For programs in TypeScript. */
export const blaxelTsApp: OnDemandRecipe = hubImage({
  name: 'ts-app',
  standsInFor: 'Debian with Node.js 22',
  differs: 'Node.js 20 and its TypeScript compiler',
  packages: ['node-typescript', 'nodejs', 'npm'],
});
