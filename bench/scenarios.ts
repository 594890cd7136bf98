import type { Scenario } from './scenario.ts';
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
import { burstAgainstDocker, coldBurstAgainstDocker, lifeAgainstDocker } from './scenario/life-docker.ts';

/** Every comparison, in the order of reports. */
export const scenarios: readonly Scenario[] = [
  lifeAgainstDocker,
  createGvisor,
  createNative,
  execGvisor,
  claimGvisor,
  claimAgainstDocker,
  burstAgainstDocker,
  coldBurstAgainstDocker,
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

/** Three minutes of them. */
export const quickScenarios: readonly Scenario[] = [
  lifeAgainstDocker,
  createGvisor,
  execGvisor,
  claimAgainstDocker,
  wakeGvisor,
  checkpointResume,
  snapshotSmall,
  buildCached,
];
