/** `make bench`: every scenario against its comparator, as ratios. `--full` takes more rounds; names choose scenarios. */
import { parseArgs } from 'node:util';
import { arrivalNames, runFirstCommands } from './first-command.ts';
import { describeMachine, renderFirstCommand, renderOutcome, writePartial, writeReport } from './report.ts';
import type { Report } from './report.ts';
import { runScenario } from './scenario.ts';
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

const { values, positionals } = parseArgs({
  options: { full: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const mode = values.full ? 'full' : 'short';
const isChosen = (name: string): boolean =>
  positionals.length === 0 || positionals.some((word) => name.includes(word));

const report: Report = {
  takenAt: new Date().toISOString(),
  mode,
  machine: describeMachine(),
  outcomes: [],
  firstCommands: [],
};
/** Each line as it comes: a run may be cut. */
const keep = (line: string): void => {
  writePartial(report);
  process.stderr.write(`${line}\n`);
};

for (const scenario of scenarios.filter(({ name }) => isChosen(name))) {
  process.stderr.write(`${scenario.name} …\n`);
  const outcome = await runScenario(scenario, mode);
  report.outcomes.push(outcome);
  keep(renderOutcome(outcome));
}
for (const arrival of arrivalNames.filter((name) => isChosen(`first-command ${name}`))) {
  process.stderr.write(`first command, ${arrival} …\n`);
  const found = await runFirstCommands(arrival, mode);
  report.firstCommands.push(found);
  keep(renderFirstCommand(found));
}
process.stdout.write(writeReport(report));
