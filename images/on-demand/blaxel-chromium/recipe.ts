import { hubImage } from '../blaxel.ts';
import type { OnDemandRecipe } from '../recipe.ts';

/** A browser without a screen, driven through port 9222. */
export const blaxelChromium: OnDemandRecipe = hubImage({
  name: 'chromium',
  standsInFor: 'Alpine with Chrome 124',
  differs: 'the Chromium of Debian',
  packages: ['chromium', 'fonts-dejavu-core'],
  entrypoint: ['/usr/local/bin/start-chromium'],
});
