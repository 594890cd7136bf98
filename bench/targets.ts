/** A number to reach, and which scenarios measure it. */
export interface Target {
  what: string;
  comparator: string;
  goal: string;
  /** Names of scenarios; all have to reach their own goals. */
  scenarios: readonly string[];
  /** Where it is shown instead, or beside: a page of results or a test. */
  shownBy?: string;
  /** Where it is missed: what was traced, and why the rest stays. */
  gap?: string;
}

/** Every goal of speed and size, in the order of its table. */
export const targets: readonly Target[] = [
  {
    what: 'create → first command answered → terminated, gVisor, through the SDK',
    comparator: '`docker run --rm IMAGE true` (runc)',
    goal: '≤ 0.35×',
    scenarios: ['create → first command → terminate, gVisor'],
  },
  {
    what: 'create (server answers `running`), gVisor, slots ready',
    comparator: 'bare `runsc run -detach` of the same bundle, until its agent answers',
    goal: '≤ 0.4×',
    scenarios: ['create, gVisor, slot ready'],
  },
  {
    what: 'create, `native`',
    comparator: 'bare `runc run -d`',
    goal: '≤ 1.3×',
    scenarios: ['create, native, slot ready'],
  },
  {
    what: 'claim from a warm pool → first command',
    comparator: '`docker exec` in a running container; bare `runsc exec`',
    goal: '≤ 0.5×',
    scenarios: ['claim → first command, against Docker', 'claim → first command, gVisor'],
    gap: 'Reached against `docker exec`. Half of a bare `runsc exec` (18 ms) is less than one command alone takes through the agent (next line), whoever claims.',
  },
  {
    what: 'one command (`true`) in a running sandbox through gateway and agent',
    comparator: 'the same fork and exec inside the sandbox, timed there',
    goal: '≤ 1.5×',
    scenarios: ['exec of `true`, gVisor'],
    gap: 'The command inside takes 7 ms. What comes on top, traced: 2 to 5 ms for the fork of the agent, 0.3 to 0.9 ms for the pipes of its streams, 2 ms for the way through the network of gVisor and back, below 1 ms in the server.',
  },
  {
    what: 'creates at once, all reach their first command',
    comparator: 'the same number of `docker run -d`',
    goal: '≤ 0.35× of the wall time, all succeed',
    scenarios: ['50 creates at once, gVisor, slots ready', '50 creates at once, gVisor, no slots'],
  },
  {
    what: 'in-memory suspend; wake by a request',
    comparator: '`docker pause` / `unpause`',
    goal: '≤ 0.2× each',
    scenarios: ['suspend in memory, native', 'resume in memory, native', 'wake from memory + first answer'],
  },
  {
    what: 'checkpoint to disk, then resume',
    comparator: 'bare `runsc checkpoint` / `restore`',
    goal: '≤ 1.2×',
    scenarios: ['suspend to disk, then resume'],
  },
  {
    what: 'filesystem snapshot, small change and 500 MB',
    comparator: '`docker commit`',
    goal: '≤ 0.7×; ≤ 1.5×',
    scenarios: ['filesystem snapshot, small change', 'filesystem snapshot, 500 MB'],
  },
  {
    what: 'how long the source stands still',
    comparator: 'bare checkpoint',
    goal: '≤ 1.2×; ≤ 100 ms below 1,000 files',
    scenarios: [],
    shownBy: 'test/contract/standstill.test.ts',
  },
  {
    what: 'fork of a running sandbox ×10',
    comparator: '10 bare restores',
    goal: '≤ 1.2×',
    scenarios: ['fork of a running sandbox ×10'],
  },
  {
    what: 'image build, 3 RUN steps: no cache, all cached, last step changed',
    comparator: '`docker build` with BuildKit',
    goal: '≤ 1×; ≤ 0.5×; ≤ 1×',
    scenarios: [
      'build of 3 RUN steps, no cache',
      'build of 3 RUN steps, all cached',
      'build of 3 RUN steps, last one changed',
    ],
  },
  {
    what: 'unpacking a layer',
    comparator: '`tar -xz` of the same file',
    goal: '≤ 1.2×',
    scenarios: ['unpacking a layer of 240 MB'],
  },
  {
    what: 'file upload and download of 256 MB through the gateway',
    comparator: '`docker cp` of the same file',
    goal: '≥ 0.5×; ≥ 1× of the throughput',
    scenarios: ['256 MB file up, gVisor', '256 MB file down, gVisor'],
  },
  {
    what: 'TCP tunnel; HTTP through an exposed port',
    comparator: "a direct connection to the sandbox's address",
    goal: '≥ 0.7×; ≥ 0.55× of the throughput',
    scenarios: ['256 MB through a tunnel, gVisor', '256 MB from an exposed port, gVisor'],
    gap: 'Processor time for 256 MB: direct 167 ms in the sandbox; through the tunnel 578 to 860 ms there, because the agent reads and writes all of it once more through the network of gVisor, so that a service sees 127.0.0.1 as its peer, 146 ms in the server, 160 ms in the command line, 50 ms in curl. That is 480 ms at best on two cores, against 184. Fewer and larger reads, and buffers of 4 MB, gained nothing.',
  },
  {
    what: 'the 99th percentile of the delay of the event loop under bulk proxying',
    comparator: '–',
    goal: '≤ 20 ms',
    scenarios: [],
    shownBy: 'bench/results/latest.md',
  },
  {
    what: 'server: start to first request with 1,000 known sandboxes',
    comparator: '–',
    goal: '≤ 1 s',
    scenarios: [],
    shownBy: 'bench/results/records.md',
  },
  {
    what: 'server memory: fresh; after load; for each live sandbox',
    comparator: '–',
    goal: '≤ 120 MB; ≤ 250 MB; ≤ 0.3 MB',
    scenarios: [],
    shownBy: 'bench/results/soak.md, bench/results/density.md',
  },
  {
    what: 'heavy work inside the limit: 50,000 files in 512 MB, fork bomb, 1,000 sleepers',
    comparator: '–',
    goal: 'the sandbox survives each',
    scenarios: [],
    shownBy: 'test/contract/driver.test.ts, test/security/exhaustion.ts',
  },
  {
    what: 'create, exec, terminate, sustained for 10 minutes',
    comparator: '–',
    goal: 'nothing grows',
    scenarios: [],
    shownBy: 'bench/results/soak.md',
  },
];
