import { openBareRuntime } from '../bare-runtime.ts';
import type { Scenario } from '../scenario.ts';
import { openCreate } from './create.ts';

/** Against bare runc, which runs on every cgroup layout. */
export const createNative: Scenario = {
  name: 'create, native, slot ready',
  goal: 1.3,
  rounds: { short: 10, full: 40 },
  open: () =>
    openCreate({
      runtime: 'native',
      comparator: 'runc run -d',
      openBare: () => openBareRuntime((root) => ['runc', '--root', root]),
    }),
};
