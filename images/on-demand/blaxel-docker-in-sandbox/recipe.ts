import { hubImage } from '../blaxel.ts';
import { docker } from '../docker/recipe.ts';
import type { OnDemandRecipe } from '../recipe.ts';

/** Docker: its daemon starts with the sandbox. */
export const blaxelDockerInSandbox: OnDemandRecipe = hubImage({
  name: 'docker-in-sandbox',
  standsInFor: 'Docker on Alpine',
  differs: 'the Docker of Debian',
  packages: [...docker.packages],
  labels: docker.labels,
});
