import { openBareRunsc } from '../bare-runsc.ts';
import type { Scenario } from '../scenario.ts';
import { openCreate } from './create.ts';

/** Against bare runsc, with the flags that our sandboxes have. */
export const createGvisor: Scenario = {
  name: 'create, gVisor, slot ready',
  goal: 0.4,
  rounds: { short: 10, full: 40 },
  open: () => openCreate({ runtime: 'gvisor', comparator: 'runsc run -detach', openBare: openBareRunsc }),
};
