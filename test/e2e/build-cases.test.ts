import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import type { BuildFailure, BuildOptions } from '../../protocol/src/index.ts';
import { build } from '../fixtures/build.ts';
import type { EndedBuild } from '../fixtures/build.ts';
import { readBuiltImage } from '../fixtures/built-image.ts';
import type { BuiltImage } from '../fixtures/built-image.ts';
import { describeOnUsualDriver } from '../fixtures/server.ts';
import type { TestServer } from '../fixtures/server.ts';

/** `expect.json` of a case; a case without one is a Dockerfile whose own commands check what there is to check. */
interface Expectation {
  options?: BuildOptions;
  /** The Dockerfile is one of the context. */
  fromContext?: boolean;
  /** Lines that the steps write, in this order, with others in between. */
  output?: string[];
  /** Lines that no step writes. */
  absentOutput?: string[];
  warnings?: string[];
  /** A part of the image's config. */
  config?: Record<string, unknown>;
  /** What each new layer holds, member by member. */
  layers?: string[][];
  /** Files of the new layers; null where any content will do. */
  contents?: Record<string, string | null>;
  /** A part of what `GET /v1/images/NAME` tells. */
  describe?: Record<string, unknown>;
  absentEnv?: string[];
  /** How the build fails; `message` and `outputTail` are parts, the code `*` is any. */
  failure?: Partial<BuildFailure>;
}

const folder = join(import.meta.dirname, 'build-case');
const cases = readdirSync(folder).toSorted();

describeOnUsualDriver('builds', (getServer) => {
  let baseDigests: Set<string>;
  beforeAll(async () => {
    const base = await readBuiltImage(getServer(), 'debian-minimal', 'tensorlake');
    baseDigests = new Set(base.layers.map(({ digest }) => digest));
  });

  test.concurrent.each(cases)('%s', async (name) => {
    const expected = readExpectation(name);
    const ended = await runCase(getServer(), name, expected);
    if (expected.failure) return expectFailure(ended, expected.failure);
    expect(ended.build.failure).toBeUndefined();
    expectOutput(ended, expected);
    await expectImage(getServer(), `case/${name}`, baseDigests, expected);
  });
});

function readExpectation(name: string): Expectation {
  const file = join(folder, name, 'expect.json');
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Expectation) : {}; // written beside this test
}

function runCase(
  server: TestServer,
  name: string,
  { options, fromContext }: Expectation,
): Promise<EndedBuild> {
  const dir = join(folder, name);
  const context = existsSync(join(dir, 'context')) ? join(dir, 'context') : undefined;
  const dockerfile = readFileSync(join(dir, 'Dockerfile'), 'utf8');
  const wanted = { name: `case/${name}`, ...(!fromContext && { dockerfile }), ...options };
  return build(server, wanted, context);
}

function expectFailure({ build: { failure, status } }: EndedBuild, wanted: Partial<BuildFailure>): void {
  const { message = '', outputTail = '', code, ...exact } = wanted;
  expect(status).toBe('failed');
  expect(failure).toMatchObject({ ...exact, message: expect.stringContaining(message) });
  expect(failure?.code).not.toBe('internal');
  if (code !== '*') expect(failure?.code).toBe(code);
  expect(failure?.outputTail ?? '').toContain(outputTail);
}

function expectOutput({ output, events }: EndedBuild, expected: Expectation): void {
  const wanted = expected.output ?? [];
  expect(output.filter((line) => wanted.includes(line))).toEqual(wanted);
  expect(output.filter((line) => expected.absentOutput?.includes(line))).toEqual([]);
  const rules = events.flatMap((event) => (event.type === 'warning' ? [event.rule] : []));
  for (const rule of expected.warnings ?? []) expect(rules).toContain(rule);
}

async function expectImage(
  server: TestServer,
  name: string,
  baseDigests: ReadonlySet<string>,
  expected: Expectation,
): Promise<void> {
  const image = await readBuiltImage(server, name);
  if (expected.config) expect(image.config).toMatchObject(expected.config);
  await expectLayers(image, baseDigests, expected);
  if (!expected.describe && !expected.absentEnv) return;
  const answer = await server.fetch(`/v1/images/${encodeURIComponent(name)}`);
  const described = (await answer.json()) as { env: Record<string, string> }; // the protocol's ImageDetail
  expect(described).toMatchObject(expected.describe ?? {});
  for (const variable of expected.absentEnv ?? []) expect(described.env).not.toHaveProperty(variable);
}

async function expectLayers(
  { layers }: BuiltImage,
  baseDigests: ReadonlySet<string>,
  { layers: wanted, contents = {} }: Expectation,
): Promise<void> {
  const made = layers.filter(({ digest }) => !baseDigests.has(digest));
  if (wanted) expect(await Promise.all(made.map((layer) => layer.entries()))).toEqual(wanted);
  for (const [path, content] of Object.entries(contents)) {
    const found = (await Promise.all(made.map((layer) => layer.content(path)))).findLast(
      (text) => text !== undefined,
    );
    expect(found, path).toBeDefined();
    if (content !== null) expect(found).toBe(content);
  }
}
