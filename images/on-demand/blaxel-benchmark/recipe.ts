import { hubImage } from '../blaxel.ts';
import type { OnDemandRecipe } from '../recipe.ts';

/** Tools that measure a sandbox. */
export const blaxelBenchmark: OnDemandRecipe = hubImage({
  name: 'benchmark',
  standsInFor: 'tools that measure a sandbox',
  differs: 'fio, hyperfine, iperf3, stress-ng and sysbench',
  packages: ['fio', 'hyperfine', 'iperf3', 'stress-ng', 'sysbench'],
});
