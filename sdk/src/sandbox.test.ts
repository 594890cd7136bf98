import { afterEach, beforeEach, expect, test } from 'vitest';
import { collect } from '../../test/fixtures/collect.ts';
import { standInKey, startStandIn } from '../../test/fixtures/stand-in-server.ts';
import type { StandInServer } from '../../test/fixtures/stand-in-server.ts';
import { RemoteAPIError, SandboxConnectionError, SandboxNotFoundError } from './errors.ts';
import { Sandbox } from './sandbox.ts';
import { SandboxClient } from './sandbox-client.ts';

let server: StandInServer;
let client: SandboxClient;

beforeEach(async () => {
  server = await startStandIn();
  client = new SandboxClient({ apiUrl: server.url, apiKey: standInKey });
});
afterEach(() => server.close());

const last = () => server.requests.at(-1);

test('a create sends the fields of the wire and nothing that was not given', async () => {
  await client.create({ name: 'my-env', cpus: 2, memoryMb: 512, timeoutSecs: 30, denyOut: ['10.0.0.0/8'] });
  expect(JSON.parse(last()?.body ?? '')).toEqual({
    name: 'my-env',
    resources: { cpus: 2, memory_mb: 512 },
    timeout_secs: 30,
    network: { allow_internet_access: true, allow_out: [], deny_out: ['10.0.0.0/8'] },
  });
  expect(last()?.path).toBe('/v1/namespaces/default/sandboxes');
  expect(last()?.headers).toMatchObject({
    authorization: `Bearer ${standInKey}`,
    'x-tensorlake-request-timeout-ms': '290000',
  });
});

test('the data plane is addressed by the header', async () => {
  const sandbox = await client.createAndConnect();
  await sandbox.run('true');
  expect(last()?.headers['x-tensorlake-sandbox-id']).toBe(sandbox.sandboxId);
});

test('a chosen workspace is named on the data plane too, instead of the project of a token', async () => {
  const scope = { organizationId: 'org', projectId: 'project', namespace: 'research' };
  const chosen = new SandboxClient({ apiUrl: server.url, apiKey: standInKey, ...scope });
  await (await chosen.createAndConnect()).health();
  expect(server.requests[0]?.path).toBe('/v1/namespaces/research/sandboxes');
  expect(last()?.headers).toMatchObject({
    'x-forwarded-organization-id': 'org',
    'x-forwarded-project-id': 'research',
  });
});

test('run returns lines without the last newline, and both call forms work', async () => {
  const sandbox = await client.createAndConnect();
  const script = 'echo a; echo; echo b; echo oops >&2; exit 3';
  const expected = { exitCode: 3, stdout: 'a\n\nb', stderr: 'oops', oomKilled: false };
  expect(await sandbox.run('sh', ['-c', script])).toEqual(expected);
  expect(await sandbox.run('sh', { args: ['-c', script] })).toEqual(expected);
});

test('a signal is a negative exit code', async () => {
  const sandbox = await client.createAndConnect();
  expect((await sandbox.run('sh', ['-c', 'kill -9 $$'])).exitCode).toBe(-9);
});

test('a run whose signal aborts ends the process and throws the reason', async () => {
  const sandbox = await client.createAndConnect();
  const stop = new AbortController();
  const running = sandbox.run('sleep', ['60'], { signal: stop.signal });
  await expect.poll(() => server.processes[0]?.pid).toBeDefined();
  stop.abort(new Error('enough'));
  await expect(running).rejects.toThrow('enough');
  await expect.poll(() => server.processes[0]?.signalCode).toBe('SIGKILL');
});

test('a run whose connection breaks is an error, not a result', async () => {
  const sandbox = await client.createAndConnect();
  const running = sandbox.run('sleep', ['60']);
  await expect.poll(() => server.processes[0]?.pid).toBeDefined();
  const failure = expect(running).rejects.toBeInstanceOf(SandboxConnectionError);
  await server.close();
  await failure;
});

test('files hold bytes, text and streams', async () => {
  const sandbox = await client.createAndConnect();
  await sandbox.writeFile('/w/data file.csv', new Uint8Array([0, 255, 10]));
  expect(last()?.path).toBe('/api/v1/files?path=%2Fw%2Fdata+file.csv');
  expect(await sandbox.readFile('/w/data file.csv')).toEqual(new Uint8Array([0, 255, 10]));
  await sandbox.writeFile('/w/text', 'grüße');
  expect(new TextDecoder().decode(await sandbox.readFile('/w/text'))).toBe('grüße');
  await sandbox.writeFile('/w/stream', chunks('ab', 'cd'));
  const streamed = await collect(sandbox.readFileStream('/w/stream'));
  expect(Buffer.concat(streamed).toString()).toBe('abcd');
  expect([...(await sandbox.listDirectory('/w'))].map((entry) => entry.name)).toContain('/w/text');
});

async function* chunks(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield new TextEncoder().encode(text);
}

test('follow skips comments and ends with eof', async () => {
  const sandbox = await client.createAndConnect();
  const lines = (await collect(sandbox.followOutput(42))).map((event) => event.line);
  expect(lines).toEqual(['one', 'two']);
});

test('an unknown sandbox is SandboxNotFoundError, a refusal RemoteAPIError with code and hint', async () => {
  await expect(client.get('nope')).rejects.toBeInstanceOf(SandboxNotFoundError);
  const refused = client.create({ image: 'bad' });
  await expect(refused).rejects.toBeInstanceOf(RemoteAPIError);
  await expect(refused).rejects.toMatchObject({
    statusCode: 404,
    code: 'image_not_found',
    responseMessage: 'no image bad',
    hint: 'what to do about image_not_found',
  });
});

test('a busy server is asked again for a get and once for a create', async () => {
  const { sandboxId } = await client.create();
  server.failNext(503, 502);
  expect((await client.get(sandboxId)).status).toBe('running');
  const before = server.requests.length;
  server.failNext(503);
  await expect(client.create()).rejects.toMatchObject({ statusCode: 503 });
  expect(server.requests.length - before).toBe(1);
});

test('a create that takes too long is a value for create and a terminated sandbox for createAndConnect', async () => {
  const { sandboxId } = await client.create();
  const timeout = { sandbox_id: sandboxId, status: 'timeout', reason: 'slow image' };
  server.answerNextCreate(504, timeout);
  expect(await client.create()).toMatchObject({ status: 'timeout', reason: 'slow image' });
  Object.assign(server.sandboxes.get(sandboxId) ?? {}, { status: 'pending' });
  server.answerNextCreate(504, timeout);
  await expect(client.createAndConnect({ requestTimeout: 0.7 })).rejects.toThrow('did not start in time');
  expect(server.sandboxes.get(sandboxId)?.status).toBe('terminated');
});

test('a pending create is waited for', async () => {
  const { sandboxId } = await client.create();
  const record = server.sandboxes.get(sandboxId);
  Object.assign(record ?? {}, { status: 'pending' });
  server.answerNextCreate(200, { sandbox_id: sandboxId, status: 'pending' });
  setTimeout(() => Object.assign(record ?? {}, { status: 'running' }), 100);
  expect((await client.createAndConnect()).sandboxId).toBe(sandboxId);
});

test('leaving an await using block terminates a created sandbox and spares a connected one', async () => {
  let id: string;
  {
    await using sandbox = await Sandbox.create({ apiUrl: server.url, apiKey: standInKey, name: 'mine' });
    id = sandbox.sandboxId;
    {
      await using same = await client.connect('mine');
      expect([same.sandboxId, same.name]).toEqual([id, 'mine']);
    }
    expect(server.sandboxes.get(id)?.status).toBe('running');
  }
  expect(server.sandboxes.get(id)?.status).toBe('terminated');
});

test('a closed handle refuses calls', async () => {
  const sandbox = await client.createAndConnect();
  sandbox.close();
  await expect(sandbox.run('true')).rejects.toThrow('closed');
});

test('without a key nothing is sent', async () => {
  const keyless = new SandboxClient({ apiUrl: server.url, apiKey: '' });
  await expect(keyless.list()).rejects.toThrow('no API key');
  expect(server.requests).toEqual([]);
});

test('no server at the address says how to start one', async () => {
  await server.close();
  await expect(client.create()).rejects.toMatchObject({
    name: 'SandboxConnectionError',
    hint: expect.stringContaining('atoll server') as string,
  });
});
