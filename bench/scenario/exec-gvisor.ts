import { timed } from '../scenario.ts';
import type { Scenario } from '../scenario.ts';
import { openStand } from '../stand.ts';

const FORKS = 20;
/** Times fork+exec where nothing but the sandbox's kernel is in between. */
const inside = `import os,time,subprocess
t=time.perf_counter()
for _ in range(${FORKS}): subprocess.run(['/bin/true'])
print((time.perf_counter()-t)*1000/${FORKS})`;

/** One command through SDK, gateway and agent, against the same fork and exec timed inside the sandbox. */
export const execGvisor: Scenario = {
  name: 'exec of `true`, gVisor',
  goal: 1.5,
  rounds: { short: 10, full: 50 },
  open: async () => {
    const stand = await openStand('gvisor', 1);
    const sandbox = await stand.client.createAndConnect();
    return {
      subject: { name: 'sandbox.run', run: () => timed(() => sandbox.run('/bin/true')) },
      comparator: {
        name: 'fork+exec inside',
        run: async () => Number((await sandbox.run('python3', { args: ['-c', inside] })).stdout),
      },
      close: stand.close,
    };
  },
};
