import { hubImage } from '../blaxel.ts';
import type { OnDemandRecipe } from '../recipe.ts';

/** For programs in Python. */
export const blaxelPyApp: OnDemandRecipe = hubImage({
  name: 'py-app',
  standsInFor: 'Debian with Python 3.12',
  differs: 'Python 3.13',
  packages: ['build-essential', 'python3-dev'],
});
