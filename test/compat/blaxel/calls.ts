import { expect } from 'vitest';
import { z } from 'zod';
import { blaxelSandbox } from '@atoll/protocol';
import type { BlaxelSandbox } from '@atoll/protocol';
import type { TestServer } from '../../fixtures/server.ts';

/** An image that is on every test server, so that tests wait for no build. */
export const IMAGE = 'debian-minimal';

interface Answer<T> {
  status: number;
  body: T;
  headers: Headers;
}

/** Calls the control plane as the published client does: with its own two headers. */
export async function call(
  server: TestServer,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer<unknown>> {
  const response = await fetch(new URL(path, server.url), {
    method,
    headers: {
      'x-blaxel-authorization': `Bearer ${server.apiKey}`,
      'x-blaxel-workspace': 'default',
      'blaxel-version': '2026-04-28',
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.includes('json') === true;
  return { status: response.status, body: isJson ? JSON.parse(text) : text, headers: response.headers };
}

/** What a client declares of a small sandbox. */
export const declarationOf = (name: string, runtime: Record<string, unknown> = {}, more: object = {}) => ({
  metadata: { name, labels: { made: 'here' } },
  spec: { runtime: { image: IMAGE, memory: 512, generation: 'mk3', ...runtime }, ...more },
});

export async function create(
  server: TestServer,
  name: string,
  runtime: Record<string, unknown> = {},
  more: object = {},
): Promise<BlaxelSandbox> {
  const { status, body } = await call(server, 'POST', '/v0/sandboxes', declarationOf(name, runtime, more));
  expect([status, body]).toEqual([200, expect.anything()]);
  return blaxelSandbox.parse(body);
}

export async function get(server: TestServer, name: string, query = ''): Promise<BlaxelSandbox> {
  const { status, body } = await call(server, 'GET', `/v0/sandboxes/${name}${query}`);
  expect(status).toBe(200);
  return blaxelSandbox.parse(body);
}

/** A change as the client makes it: it reads the whole sandbox and sends it back with other parts. */
export async function put(
  server: TestServer,
  name: string,
  change: (sandbox: BlaxelSandbox) => object,
): Promise<BlaxelSandbox> {
  const { status, body } = await call(
    server,
    'PUT',
    `/v0/sandboxes/${name}`,
    change(await get(server, name)),
  );
  expect([status, body]).toEqual([200, expect.anything()]);
  return blaxelSandbox.parse(body);
}

export const pageSchema = z.object({
  data: z.array(blaxelSandbox),
  meta: z.object({ hasMore: z.boolean(), nextCursor: z.string().optional(), total: z.number() }),
});
