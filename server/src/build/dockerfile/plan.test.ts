import { expect, test } from 'vitest';
import { parseDockerfile } from './dockerfile.ts';
import { configFromOci, configToOci } from './image-config.ts';
import { addTriggers, planBuild } from './plan.ts';
import type { PlanOptions } from './plan.ts';
import { resolveStage } from './resolve-stage.ts';
import { imageState } from './stage-state.ts';
import type { Step } from './step.ts';

const platform = { os: 'linux', architecture: 'amd64' };

/** The steps of the last stage, on a base with this config. */
function stepsOf(
  lines: readonly string[],
  options: Partial<PlanOptions> = {},
  config: unknown = {},
): readonly Step[] {
  const plan = planBuild(parseDockerfile(lines.join('\n')), { platform, ...options });
  const stage = plan.stages.at(-1);
  if (!stage) throw new Error('the plan has no stage');
  return resolveStage(plan, stage, imageState(configFromOci(config))).steps;
}

/** The key of the last step that makes a layer. */
function keyOf(lines: readonly string[], options: Partial<PlanOptions> = {}, config: unknown = {}): string {
  const step = stepsOf(lines, options, config).findLast(({ kind }) => kind !== 'config');
  if (!step || step.kind === 'config') throw new Error('no step has a key');
  return step.cacheKey;
}

const run = ['FROM debian', 'RUN make'];

test('a key is canonical JSON', () => {
  expect(JSON.parse(keyOf(['FROM debian', 'WORKDIR /a']))).toEqual({ kind: 'workdir', path: '/a' });
});

test.each([
  ['ENV', ['FROM debian', 'ENV A=1', 'RUN make'], {}],
  ['the base environment', run, { Env: ['A=1'] }],
  ['USER', ['FROM debian', 'USER app', 'RUN make'], {}],
  ['SHELL', ['FROM debian', 'SHELL ["/bin/bash", "-c"]', 'RUN make'], {}],
  ['WORKDIR', run, { WorkingDir: '/w' }],
  ['a declared ARG', ['FROM debian', 'ARG A=1', 'RUN make'], {}],
  ['a mount', ['FROM debian', 'RUN --mount=type=tmpfs,target=/t make'], {}],
  ['the network', ['FROM debian', 'RUN --network=none make'], {}],
])('the key of RUN depends on %s', (_, lines, config) => {
  expect(keyOf(lines, {}, config)).not.toBe(keyOf(run));
});

test.each([
  ['LABEL', ['FROM debian', 'LABEL a=b', 'RUN make'], {}],
  ['CMD', ['FROM debian', 'CMD ["x"]', 'RUN make'], {}],
  ['an ARG without a value', ['FROM debian', 'ARG A', 'RUN make'], {}],
  ['a proxy', run, { buildArgs: { HTTP_PROXY: 'http://proxy' } }],
  ['a build argument that is not declared', run, { buildArgs: { A: '1' } }],
  ['comments and continuations', ['FROM debian', 'RUN \\', '# why', 'make'], {}],
])('the key of RUN does not depend on %s', (_, lines, options) => {
  expect(keyOf(lines, options)).toBe(keyOf(run));
});

test('the key of COPY does not depend on the environment or on the number of a stage', () => {
  const short = keyOf(['FROM debian AS a', 'FROM debian', 'COPY --from=a /x /y']);
  const long = keyOf(['FROM one', 'FROM debian AS b', 'FROM debian', 'ENV A=1', 'COPY --from=b /x /y']);
  expect(long).toBe(short);
  expect(keyOf(['FROM debian', 'COPY /x /y'])).not.toBe(short);
});

test('the history of a RUN names its build arguments but no proxies', () => {
  const options = { buildArgs: { V: '2', HTTP_PROXY: 'http://user:secret@proxy' } };
  const [, step] = stepsOf(['FROM debian', 'ARG V', 'RUN make'], options);
  expect(step?.createdBy).toBe('RUN |1 V=2 /bin/sh -c make');
});

test('a base with triggers is not resolved without them', () => {
  const config = { OnBuild: ['RUN triggered'] };
  expect(() => stepsOf(run, {}, config)).toThrow('addTriggers');
  const plan = addTriggers(planBuild(parseDockerfile(run.join('\n')), { platform }), 0, config.OnBuild);
  const [stage] = plan.stages;
  const resolved = stage && resolveStage(plan, stage, imageState(configFromOci(config)));
  expect(resolved?.steps.map(({ text, file }) => [text, file])).toEqual([
    ['RUN triggered', 'ONBUILD of debian'],
    ['RUN make', 'Dockerfile'],
  ]);
  expect(resolved?.config.onbuild).toEqual([]);
});

test('a trigger that needs another stage adds it to the plan', () => {
  const file = parseDockerfile('FROM other AS tools\nFROM base\n');
  const plan = planBuild(file, { platform });
  expect(plan.stages.map(({ index }) => index)).toEqual([1]);
  expect(addTriggers(plan, 1, ['COPY --from=tools /t /t']).stages.map(({ index }) => index)).toEqual([0, 1]);
});

test('an image config survives being read and written', () => {
  const config = {
    User: 'app',
    ExposedPorts: { '80/tcp': {} },
    Env: ['A=b=c', 'EMPTY='],
    Entrypoint: ['a'],
    Cmd: ['b'],
    Volumes: { '/v': {} },
    WorkingDir: '/w',
    Labels: { a: '1', b: '2' },
    StopSignal: 'SIGINT',
    Healthcheck: { Test: ['CMD-SHELL', 'x'], Interval: 1_500_000_000, Retries: 2 },
    Shell: ['/bin/bash', '-c'],
    OnBuild: ['RUN x'],
  };
  expect(configToOci(configFromOci(config))).toEqual(config);
  expect(Object.keys(configToOci(configFromOci(config)))).toEqual(Object.keys(config));
});

test('what is no image config is refused', () => {
  expect(() => configFromOci({ Env: 'A=b' })).toThrow();
});
