import { hubImage } from '../blaxel.ts';
import type { OnDemandRecipe } from '../recipe.ts';

/** Jupyter Notebook, on port 8888. */
export const blaxelJupyterNotebook: OnDemandRecipe = hubImage({
  name: 'jupyter-notebook',
  standsInFor: 'Jupyter Notebook with Python 3.12',
  differs: 'Python 3.13 and the Jupyter Notebook of Debian',
  packages: ['jupyter-notebook', 'python3-ipykernel'],
  entrypoint: ['/usr/local/bin/start-jupyter'],
});
