import { hubImage } from '../blaxel.ts';
import type { OnDemandRecipe } from '../recipe.ts';

/** Jupyter Server, on port 8888. */
export const blaxelJupyterServer: OnDemandRecipe = hubImage({
  name: 'jupyter-server',
  standsInFor: 'Jupyter Server with Python 3.12',
  differs: 'Python 3.13 and the Jupyter Server of Debian, without the routes of the hosted code interpreter',
  packages: ['jupyter-server', 'python3-ipykernel'],
  entrypoint: ['/usr/local/bin/start-jupyter'],
});
