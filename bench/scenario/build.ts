import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildImage } from '@atoll/sdk';
import { openDocker } from '../docker-container.ts';
import { timed } from '../scenario.ts';
import type { Contender, Scenario } from '../scenario.ts';
import { openStand } from '../stand.ts';

/** Which of the steps have to be done when the first build is repeated. */
type Work = 'all' | 'none' | 'last';

/** What both sides build from: the same layer, imported. */
const BASE = 'tensorlake/debian-minimal';
const NAME = 'bench-build';

/**
 * A build of three RUN steps that write 200 small files, 8 MB, and a checksum: by the SDK, from the call until the image
 * is registered, against the CLI of Docker with BuildKit, from its start to its end. The daemon has its usual overlay
 * and bridge.
 */
const buildScenario = (name: string, goal: number, work: Work): Scenario => ({
  name,
  goal,
  rounds: { short: 5, full: 20 },
  open: async () => {
    const dir = await mkdtemp(join(tmpdir(), 'atoll-bench-build-'));
    const closing = [() => rm(dir, { recursive: true, force: true })];
    const close = async (): Promise<void> => {
      for (const end of closing.toReversed()) await end();
    };
    try {
      const comparator = await openBuildKit(work, closing);
      return { subject: await openAtoll(dir, work, closing), comparator, close };
    } catch (error) {
      await close();
      throw error;
    }
  },
});

/** No step is known. */
export const buildUncached = buildScenario('build of 3 RUN steps, no cache', 1, 'all');
/** Every step is known. */
export const buildCached = buildScenario('build of 3 RUN steps, all cached', 0.5, 'none');
/** The last step is new each time. */
export const buildLastStep = buildScenario('build of 3 RUN steps, last one changed', 1, 'last');

type Closing = (() => Promise<void>)[];

async function openAtoll(dir: string, work: Work, closing: Closing): Promise<Contender> {
  const stand = await openStand('gvisor', 1);
  closing.push(stand.close);
  const contextDir = join(dir, 'context');
  await mkdir(contextDir);
  const path = join(contextDir, 'Dockerfile');
  const { connection } = stand;
  const build = () =>
    buildImage({ kind: 'dockerfile', path }, { registeredName: NAME, noCache: work === 'all', connection });
  return { name: 'buildImage', run: () => timedBuild(path, work, build) };
}

async function openBuildKit(work: Work, closing: Closing): Promise<Contender> {
  const { docker, hostRoot } = await openDocker();
  const contextDir = join(hostRoot, 'context');
  closing.push(() => rm(contextDir, { recursive: true }));
  await mkdir(contextDir);
  const flags = ['--tag', NAME, ...(work === 'all' ? ['--no-cache'] : [])];
  const build = () => docker('build', ...flags, '/context');
  return { name: 'docker build', run: () => timedBuild(join(contextDir, 'Dockerfile'), work, build) };
}

/** The Dockerfile is written before the clock starts. */
async function timedBuild(path: string, work: Work, build: () => Promise<unknown>): Promise<number> {
  await writeFile(path, dockerfile(work === 'last' ? crypto.randomUUID() : 'the same'));
  return timed(build);
}

const dockerfile = (last: string): string => `FROM ${BASE}
RUN mkdir /data && for i in $(seq 200); do echo $i >/data/$i; done
RUN head --bytes 8M /dev/zero >/data/zeros
RUN sha256sum /data/zeros >/data/sum && echo ${last} >>/data/sum
`;
