import { text } from 'node:stream/consumers';
import { controlRoutes, dataPlaneRoutes } from '@atoll/protocol';
import type { Route } from '@atoll/protocol';
import { beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { createSandbox, open } from '../fixtures/api.ts';
import type { Call } from '../fixtures/api.ts';
import { useServer } from '../fixtures/server.ts';

const server = useServer({ runtime: 'fake' });
const TARGET = 'walked';

beforeAll(() => createSandbox(server(), { name: TARGET }));

/** As they stand in a request line: names that nobody has, and such as could reach where they should not. */
const badNames = [
  'nope',
  '%00',
  '%ff',
  '%2e%2e',
  '..%2f..%2fetc%2fpasswd',
  'x'.repeat(2000),
  '%F0%9F%A6%80',
  "1'%20OR%201=1",
];
const badValues = ['', '%00', '-1', '1e300', 'NaN', '[]', '%ff', 'x'.repeat(2000)];
const badBodies: unknown[] = [
  null,
  [],
  7,
  'text',
  '{"cut":',
  Buffer.from([0xff, 0xfe]),
  {},
  { constructor: 1 },
];
const wrongTypes: unknown[] = ['text\0', -7.5, true, [{}], { a: { b: 1 } }, null, 1e300, 'x'.repeat(100_000)];

interface Attempt {
  what: string;
  path: string;
  body?: unknown;
  /** The route's own schema says that this is not for it. */
  isRefused: boolean;
}

const withNames = (path: string, name: string): string =>
  path
    .replace('{ns}', 'default')
    .replace('{workspace}', 'default')
    .replaceAll(/\{\w+\}/g, name);

const keysOf = (schema: z.ZodType): string[] =>
  Object.keys((z.toJSONSchema(schema, { unrepresentable: 'any', io: 'input' }).properties ?? {}) as object);

function* attempts(route: Route): Generator<Attempt> {
  const [path] = route.paths;
  const plain = withNames(path, 'nope');
  const needsBody = route.body !== undefined;
  for (const name of path.includes('{') ? badNames : [])
    yield {
      what: `named ${name.slice(0, 30)}`,
      path: withNames(path, name),
      ...(needsBody && { body: {} }),
      isRefused: false,
    };
  for (const key of keysOf(route.query ?? z.object({})))
    for (const value of badValues)
      yield {
        what: `${key}=${value.slice(0, 30)}`,
        path: `${plain}?${key}=${value}`,
        ...(needsBody && { body: {} }),
        isRefused: false,
      };
  if (route.body === undefined) return;
  const isRefused = (body: unknown): boolean => route.body?.safeParse(body).success === false;
  for (const body of badBodies)
    yield {
      what: `body ${JSON.stringify(body)}`,
      path: plain,
      body: body === null ? 'null' : body,
      isRefused: isRefused(body),
    };
  for (const key of keysOf(route.body))
    for (const value of wrongTypes) {
      const body = { [key]: value };
      yield {
        what: `${key}: ${JSON.stringify(value).slice(0, 30)}`,
        path: plain,
        body,
        isRefused: isRefused(body),
      };
    }
}

/** What is wrong with the answer, in words. */
async function find(
  route: Route,
  attempt: Attempt,
  headers: Call['headers'] = {},
): Promise<string | undefined> {
  const body = typeof attempt.body === 'number' ? String(attempt.body) : attempt.body;
  const answer = await open(server(), attempt.path, {
    method: route.method,
    headers,
    ...(body !== undefined && { body }),
  });
  const status = answer.statusCode ?? 0;
  if (status < 400) {
    answer.destroy();
    return attempt.isRefused ? `${status}: taken` : undefined;
  }
  const content = await text(answer);
  if (status >= 500) return `${status}: ${content.slice(0, 200)}`;
  return /"(code|error|message|errors)":/.test(content)
    ? undefined
    : `${status} without words: ${content.slice(0, 100)}`;
}

/** Several at a time, as hostile callers come. */
const AT_ONCE = 8;

async function walk(route: Route, headers?: Call['headers']): Promise<string[]> {
  const wrong: string[] = [];
  const left = attempts(route);
  const take = async (): Promise<void> => {
    for (const attempt of left) {
      const found = await find(route, attempt, headers);
      if (found !== undefined) wrong.push(`${attempt.what} → ${found}`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, take));
  return wrong;
}

const named = (routes: readonly Route[]) =>
  routes.map((route) => ({ name: `${route.method} ${route.paths[0]}`, route }));

test.each(named(controlRoutes))(
  '$name refuses what is not for it in words, and breaks at nothing',
  async ({ route }) => {
    expect(await walk(route)).toEqual([]);
  },
);

test.each(named(dataPlaneRoutes))(
  '$name of a sandbox refuses what is not for it in words, and breaks at nothing',
  async ({ route }) => {
    expect(await walk(route, { host: `${TARGET}.local` })).toEqual([]);
  },
);

test('the server and its sandboxes answer as before', async () => {
  const answer = await open(server(), '/api/v1/health', { headers: { host: `${TARGET}.local` } });
  expect(answer.statusCode).toBe(200);
  answer.destroy();
  expect(server().log.filter((line) => line.includes('"level":50') || line.includes('"level":60'))).toEqual(
    [],
  );
});
