import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingMessage, RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { WebSocket } from 'ws';
import { call, createSandbox, open, sandboxCalls } from '../fixtures/api.ts';
import type { Target } from '../fixtures/api.ts';
import { useServer } from '../fixtures/server.ts';

const server = useServer({ runtime: 'fake' });
const name = 'box';
let id = '';

beforeAll(async () => {
  id = await createSandbox(server(), { name });
});

interface Key extends Target {
  id: string;
}

async function makeKey(): Promise<Key> {
  const made = await call(server(), '/v1/keys', { body: { name: 'guest', role: 'member' } });
  const { value, key } = made.body as { value: string; key: { id: string } }; // the route's own schema
  return { url: server().url, apiKey: value, id: key.id };
}
/** Keys of service accounts may last for less than a minute. */
async function makeShortKey(): Promise<Target> {
  const account = await call(server(), '/v0/service_accounts', { body: { name: randomUUID() } });
  const { client_id: clientId } = account.body as { client_id: string }; // by the wire
  const path = `/v0/service_accounts/${clientId}/api_keys`;
  const made = await call(server(), path, { body: { name: 'short', expires_in: '3s' } });
  return { url: server().url, apiKey: (made.body as { apiKey: string }).apiKey };
}
const revoke = (key: Key) => call(server(), `/v1/keys/${key.id}`, { method: 'DELETE' });

/** Resolves when there is nothing more to read, whether it was ended or cut. */
const endOf = (answer: IncomingMessage): Promise<void> =>
  new Promise((resolve) =>
    answer
      .on('error', () => {})
      .once('close', resolve)
      .resume(),
  );
const isOver = (end: Promise<void>): Promise<boolean> =>
  Promise.race([end.then(() => true), Promise.resolve().then(() => false)]);

/** A terminal of the sandbox below a path; `end` resolves when it is closed. */
async function openTerminal(path: string, query: string): Promise<{ end: Promise<void> }> {
  const socket = new WebSocket(`${server().url.replace(/^http/, 'ws')}${path}/terminal/ws?${query}`);
  socket.on('error', () => {});
  const end = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  await new Promise((resolve, reject) => socket.once('open', resolve).once('close', reject));
  return { end };
}

/** Everything that can be followed, begun with one key. */
async function followAll(key: Target): Promise<Promise<void>[]> {
  const streams = await Promise.all([
    open(key, '/v1/events'),
    open(key, '/v1/usage'),
    open(key, `/v1/namespaces/default/sandboxes/${id}/logs/follow`),
    sandboxCalls(key, id).stream('echo begun; sleep 600'),
  ]);
  expect(streams.map(({ statusCode }) => statusCode)).toEqual(streams.map(() => 200));
  const terminal = await openTerminal(`/default/sandboxes/${name}`, `token=${key.apiKey}&shell=/bin/sh`);
  return [...streams.map(endOf), terminal.end];
}

describe('what is open ends with the access that opened it', () => {
  test('a key that is revoked takes its streams and terminals along, and no others', async () => {
    const [gone, stays] = [await makeKey(), await makeKey()];
    const [theirs, others] = [await followAll(gone), await followAll(stays)];
    await revoke(gone);
    await Promise.all(theirs);
    expect(await Promise.all(others.map(isOver))).toEqual(others.map(() => false));
    await revoke(stays);
    await Promise.all(others);
  });

  test('a key that expires does so too', async () => {
    const short = await makeShortKey();
    await Promise.all(await followAll(short));
    expect((await call(short, '/v1/whoami')).status).toBe(401);
  });

  test('a session that ends closes what a page follows', async () => {
    const opened = await call(server(), '/v1/session', { method: 'POST' });
    const [cookie = ''] = (opened.headers['set-cookie']?.[0] ?? '').split(';');
    const page = { cookie, 'x-atoll-console': '1' };
    const answer = await open({ url: server().url }, '/v1/events', { headers: page });
    expect(answer.statusCode).toBe(200);
    const end = endOf(answer);
    await call({ url: server().url }, '/v1/session', { method: 'DELETE', headers: page });
    await end;
  });
});

describe('previews', () => {
  const path = `/v0/sandboxes/${name}/previews`;
  let port = 0;
  /** Answers the first request of each connection at once, and never ends `/slow`. */
  const answer: RequestListener = (request, response) => {
    response.writeHead(200).write('begun');
    if (request.url !== '/slow') response.end(JSON.stringify(request.headers));
  };
  const web = createServer(answer);
  beforeAll(async () => {
    await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
    port = (web.address() as AddressInfo).port; // a TCP server has no other kind
  });
  afterAll(() => {
    web.closeAllConnections();
    web.close();
  });

  /** Its path, for whoever shows its token. */
  async function makePreview(spec: object, sandbox = name): Promise<{ at: string; name: string }> {
    const preview = `p${Math.random().toString(36).slice(2)}`;
    const made = await call(server(), `/v0/sandboxes/${sandbox}/previews`, {
      body: { metadata: { name: preview }, spec: { port, ...spec } },
    });
    const { spec: shown } = made.body as { spec: { url: string } }; // by the wire
    return { at: new URL(shown.url).pathname, name: preview };
  }
  async function makeToken(preview: string, spec: object = {}): Promise<string> {
    const made = await call(server(), `${path}/${preview}/tokens`, { body: { spec } });
    return (made.body as { spec: { token: string } }).spec.token; // by the wire
  }
  const follow = async (at: string, token: string): Promise<{ end: Promise<void> }> => {
    const headers = { 'x-blaxel-preview-token': token };
    const begun = await open({ url: server().url }, `${at}/slow`, { headers });
    expect(begun.statusCode).toBe(200);
    return { end: endOf(begun) };
  };

  test('a token that is taken back ends what it opened, and not what another one did', async () => {
    const preview = await makePreview({});
    const [first, second] = [await makeToken(preview.name), await makeToken(preview.name)];
    const [gone, stays] = [await follow(preview.at, first), await follow(preview.at, second)];
    await call(server(), `${path}/${preview.name}/tokens/${first}`, { method: 'DELETE' });
    await gone.end;
    expect(await isOver(stays.end)).toBe(false);
    await call(server(), `${path}/${preview.name}`, { method: 'DELETE' });
    await stays.end;
  });

  test('a preview of the API that ends closes the terminals that were opened by it', async () => {
    const preview = await makePreview({ port: 443 });
    const token = await makeToken(preview.name);
    const terminal = await openTerminal(preview.at, `bl_preview_token=${token}&shell=/bin/sh`);
    await call(server(), `${path}/${preview.name}`, { method: 'DELETE' });
    await terminal.end;
  });

  test('a token that expires ends what it opened', async () => {
    const preview = await makePreview({});
    const expiresAt = new Date(Date.now() + 2000).toISOString();
    await (
      await follow(preview.at, await makeToken(preview.name, { expiresAt }))
    ).end;
  });

  test('what a link has in the place of a token reaches no header of the answer', async () => {
    const preview = await makePreview({});
    const headers = { 'x-blaxel-preview-token': await makeToken(preview.name) };
    for (const forged of ['a%0d%0ax-forged:1', 'a;Domain=localhost', '%E2%82%AC']) {
      const answered = await call({ url: server().url }, `${preview.at}/?bl_preview_token=${forged}`, {
        headers,
      });
      expect(answered.status).toBe(200);
      expect(answered.headers['set-cookie']).toBeUndefined();
    }
  });

  test('previews and tokens of a sandbox that has ended open nothing of the next one of its name', async () => {
    onTestFinished(async () => void (await call(server(), '/v0/sandboxes/reborn', { method: 'DELETE' })));
    const first = await createSandbox(server(), { name: 'reborn' });
    const preview = { metadata: { name: 'p' }, spec: { port } };
    const at = '/v0/sandboxes/reborn/previews';
    const make = async (): Promise<string> => {
      const { body } = await call(server(), at, { body: preview });
      return new URL((body as { spec: { url: string } }).spec.url).pathname; // by the wire
    };
    const before = await make();
    const token = await call(server(), `${at}/p/tokens`, { body: {} });
    const headers = { 'x-blaxel-preview-token': (token.body as { spec: { token: string } }).spec.token };
    const ask = async (path: string) => (await call({ url: server().url }, `${path}/`, { headers })).status;
    expect(await ask(before)).toBe(200);
    await call(server(), `/sandboxes/${first}`, { method: 'DELETE' });
    await createSandbox(server(), { name: 'reborn' });
    const after = await make();
    expect(after).not.toBe(before);
    expect([await ask(before), await ask(after)]).toEqual([410, 401]);
  });
});

describe('a time span that no date ends', () => {
  const long = '999999999w';
  test.each([
    [
      'of a sandbox',
      'POST',
      '/v0/sandboxes',
      { metadata: { name: 'old' }, spec: { runtime: { ttl: long } } },
    ],
    [
      'of a policy',
      'POST',
      '/v0/sandboxes',
      {
        metadata: { name: 'old' },
        spec: { lifecycle: { expirationPolicies: [{ type: 'ttl-max-age', value: long, action: 'delete' }] } },
      },
    ],
    [
      'of a preview',
      'POST',
      `/v0/sandboxes/${name}/previews`,
      { metadata: { name: 'old' }, spec: { port: 3000, ttl: long } },
    ],
    [
      'of a schedule',
      'POST',
      `/v0/sandboxes/${name}/schedules`,
      { type: 'sleep', value: long, input: { command: 'true' } },
    ],
  ])('%s is refused, and lists can still be read', async (_what, method, path, body) => {
    expect(await call(server(), path, { method, body })).toMatchObject({ status: 400 });
    for (const list of ['/v0/sandboxes', `/v0/sandboxes/${name}/previews`, '/v0/schedules'])
      expect((await call(server(), list)).status).toBe(200);
  });
});
