/** `make bench`: every scenario against its comparator, as ratios. `--full` takes more rounds; names choose scenarios. */
import { parseArgs } from 'node:util';
import { runBurst } from './burst.ts';
import { describeMachine, writeReport } from './report.ts';
import { runScenario } from './scenario.ts';
import type { Outcome } from './scenario.ts';
import { blaxelCreate, blaxelTree } from './scenario/blaxel-gvisor.ts';
import { buildCached, buildLastStep, buildUncached } from './scenario/build.ts';
import { checkpointResume, fork } from './scenario/checkpoint-gvisor.ts';
import { claimAgainstDocker, claimGvisor } from './scenario/claim-gvisor.ts';
import { createGvisor } from './scenario/create-gvisor.ts';
import { createNative } from './scenario/create-native.ts';
import { execGvisor } from './scenario/exec-gvisor.ts';
import { resumeNative, suspendNative } from './scenario/pause-native.ts';
import { snapshotBig, snapshotSmall } from './scenario/snapshot-files.ts';
import { downloadGvisor, uploadGvisor } from './scenario/files-gvisor.ts';
import { portGvisor, tunnelGvisor } from './scenario/traffic-gvisor.ts';
import { unpackLayerScenario } from './scenario/unpack-layer.ts';
import { wakeGvisor } from './scenario/wake-gvisor.ts';

const scenarios = [
  createGvisor,
  createNative,
  execGvisor,
  claimGvisor,
  claimAgainstDocker,
  wakeGvisor,
  suspendNative,
  resumeNative,
  checkpointResume,
  fork,
  snapshotSmall,
  snapshotBig,
  portGvisor,
  tunnelGvisor,
  uploadGvisor,
  downloadGvisor,
  unpackLayerScenario,
  buildUncached,
  buildCached,
  buildLastStep,
  blaxelCreate,
  blaxelTree,
];
const BURST = 50;

const { values, positionals } = parseArgs({
  options: { full: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const mode = values.full ? 'full' : 'short';
const chosen = scenarios.filter(
  ({ name }) => positionals.length === 0 || positionals.some((word) => name.includes(word)),
);

const outcomes: Outcome[] = [];
for (const scenario of chosen) {
  process.stderr.write(`${scenario.name} …\n`);
  outcomes.push(await runScenario(scenario, mode));
}
process.stderr.write(`burst of ${BURST} …\n`);
const burst = await runBurst(BURST);
process.stdout.write(
  writeReport({ takenAt: new Date().toISOString(), mode, machine: describeMachine(), outcomes, burst }),
);
