import { RemoteAPIError, Sandbox, SandboxNotFoundError, SandboxStatus } from 'tensorlake';
import type { SandboxClient } from 'tensorlake';
import { expect, test } from 'vitest';
import type { TestServer } from '../../fixtures/server.ts';
import { clientOf, optionsOf } from './client.ts';

const idPattern = /^[a-z0-9]{21}$/;

export function testLifecycle(server: () => TestServer): void {
  const client = (): SandboxClient => clientOf(server());
  const remoteError = (statusCode: number) => expect.objectContaining({ statusCode });

  test('createAndConnect answers a running sandbox that runs a command', async () => {
    const sandbox = await client().createAndConnect();
    expect(sandbox.sandboxId).toMatch(idPattern);
    expect(await sandbox.status()).toBe(SandboxStatus.RUNNING);
    const { stdout, exitCode } = await sandbox.run('python', { args: ['-c', 'print(6*7)'] });
    await sandbox.terminate();
    expect({ stdout, exitCode }).toEqual({ stdout: '42', exitCode: 0 });
  });

  test('info holds what the create asked for', async () => {
    const sandbox = await client().createAndConnect({
      image: 'tensorlake/debian-minimal',
      name: 'asked-for',
      cpus: 0.5,
      memoryMb: 256,
      diskMb: 2048,
      timeoutSecs: 600,
      entrypoint: ['sleep', '300'],
    });
    const info = await sandbox.info();
    await sandbox.terminate();
    expect(info).toMatchObject({
      sandboxId: sandbox.sandboxId,
      namespace: 'default',
      name: 'asked-for',
      status: 'running',
      image: 'tensorlake/debian-minimal',
      resources: { cpus: 0.5, memoryMb: 256, ephemeralDiskMb: 2048 },
      timeoutSecs: 600,
      entrypoint: ['sleep', '300'],
      network: { allowInternetAccess: true, allowOut: [], denyOut: [] },
      allowUnauthenticatedAccess: false,
      exposedPorts: [],
      fileSystems: [],
      sandboxUrl: server().url,
    });
    expect(Date.now() - (info.createdAt?.getTime() ?? 0)).toBeLessThan(60_000);
  });

  test('rules for destinations are kept as they were given', async () => {
    const rules = {
      allowInternetAccess: true,
      allowOut: ['1.1.1.1', '203.0.113.0/24'],
      denyOut: ['10.0.0.0/8'],
    };
    const { sandboxId } = await client().create({ memoryMb: 128, ...rules });
    const { network } = await client().get(sandboxId);
    await client().delete(sandboxId);
    expect(network).toEqual(rules);
    await expect(client().create({ memoryMb: 128, allowOut: ['not a host'] })).rejects.toMatchObject({
      statusCode: 400,
    });
  });

  test('exposePorts and unexposePorts change what a sandbox exposes', async () => {
    const { sandboxId } = await client().create({ memoryMb: 128 });
    const exposed = await client().exposePorts(sandboxId, [9090, 8080], { allowUnauthenticatedAccess: true });
    const access = await client().getPortAccess(sandboxId);
    const rest = await client().unexposePorts(sandboxId, [8080]);
    const none = await client().unexposePorts(sandboxId, [9090]);
    await client().delete(sandboxId);
    expect(access).toMatchObject({ allowUnauthenticatedAccess: true, exposedPorts: [8080, 9090] });
    const seen = [exposed, rest, none].map((info) => [info.exposedPorts, info.allowUnauthenticatedAccess]);
    expect(seen).toEqual([
      [[8080, 9090], true],
      [[9090], true],
      [[], false],
    ]);
  });

  test('create answers running at once, and the sandbox is found by id, by name and in the list', async () => {
    const created = await client().create({ name: 'found' });
    const byId = await client().get(created.sandboxId);
    const byName = await client().get('found');
    const listed = (await client().list()).filter(({ sandboxId }) => sandboxId === created.sandboxId);
    await client().delete('found');
    expect(created).toMatchObject({ status: 'running', name: 'found', sandboxUrl: server().url });
    expect(byName.sandboxId).toBe(created.sandboxId);
    expect(listed.map(({ name, status }) => ({ name, status }))).toEqual([
      { name: 'found', status: 'running' },
    ]);
    expect(byId.name).toBe('found');
  });

  test('Sandbox.create and Sandbox.connect by name reach the same sandbox', async () => {
    const sandbox = await Sandbox.create({ ...optionsOf(server()), name: 'by-name' });
    await sandbox.writeFile('/tmp/mark', new TextEncoder().encode('here'));
    const connected = await Sandbox.connect({ ...optionsOf(server()), sandboxId: 'by-name' });
    const mark = await connected.readFile('/tmp/mark');
    const info = await connected.info();
    const listed = await Sandbox.list(optionsOf(server()));
    await sandbox.terminate();
    expect(Buffer.from(mark).toString()).toBe('here');
    expect(info.sandboxId).toBe(sandbox.sandboxId);
    expect(listed.map(({ name }) => name)).toContain('by-name');
  });

  test('a rename takes effect at once and frees the old name', async () => {
    const sandbox = await client().createAndConnect();
    const named = await client().update(sandbox.sandboxId, { name: 'first-name' });
    const renamed = await client().update('first-name', { name: 'second-name' });
    const { sandboxId } = await client().get('second-name');
    await expect(client().get('first-name')).rejects.toThrow(SandboxNotFoundError);
    const other = await client().create({ name: 'first-name' });
    await client().delete(other.sandboxId);
    await sandbox.terminate();
    expect([named.name, renamed.name, sandboxId]).toEqual(['first-name', 'second-name', sandbox.sandboxId]);
  });

  test('terminate is idempotent, and a terminated sandbox is still shown by its id', async () => {
    const { sandboxId } = await client().create({ name: 'ends' });
    await client().delete(sandboxId);
    await client().delete(sandboxId);
    const info = await client().get(sandboxId);
    expect(info).toMatchObject({
      status: 'terminated',
      name: 'ends',
      terminationReason: 'terminated_by_user',
    });
    expect(info.terminatedAt?.getTime()).toBeGreaterThanOrEqual(info.createdAt?.getTime() ?? Infinity);
    await expect(client().get('ends')).rejects.toThrow(SandboxNotFoundError);
  });

  test('terminated sandboxes are archived, newest first, page by page in both directions', async () => {
    const ids: string[] = [];
    for (let count = 0; count < 3; count += 1) {
      const { sandboxId } = await client().create();
      await client().delete(sandboxId);
      ids.unshift(sandboxId);
    }
    const first = await client().listArchived({ limit: 2 });
    const second = await client().listArchived({ limit: 2, cursor: first.nextCursor ?? '' });
    const back = await client().listArchived({
      limit: 2,
      cursor: second.prevCursor ?? '',
      direction: 'backward',
    });
    const one = await client().getArchived(ids[1] ?? '');
    const shown = [...first.sandboxes, ...second.sandboxes].map(({ sandboxId }) => sandboxId);
    expect(shown.slice(0, 3)).toEqual(ids);
    expect(back.sandboxes.map(({ sandboxId }) => sandboxId)).toEqual(ids.slice(0, 2));
    expect(one.archivedAt.getTime()).toBe(one.terminatedAt?.getTime());
  });

  test('a name that is in use is a conflict', async () => {
    const { sandboxId } = await client().create({ name: 'taken' });
    await expect(client().create({ name: 'taken' })).rejects.toEqual(remoteError(409));
    const other = await client().create();
    await expect(client().update(other.sandboxId, { name: 'taken' })).rejects.toEqual(remoteError(409));
    await Promise.all([client().delete(sandboxId), client().delete(other.sandboxId)]);
  });

  test.each(['Upper', '9lives', '-dash', 'dash-', 'a_b', 'a'.repeat(64), 'abcdefghijklmnopqrstu', ''])(
    'the name %j is refused',
    async (name) => {
      const refused = client().create({ name });
      await expect(refused).rejects.toBeInstanceOf(RemoteAPIError);
      await expect(refused).rejects.toEqual(remoteError(400));
    },
  );

  test('an unknown image is refused with 404 and makes no sandbox', async () => {
    const before = await client().list();
    await expect(client().create({ image: 'no-such-image' })).rejects.toEqual(remoteError(404));
    expect((await client().list()).length).toBe(before.length);
  });

  test('unknown sandboxes are SandboxNotFoundError', async () => {
    await expect(client().get('nobody')).rejects.toThrow(new SandboxNotFoundError('nobody'));
    await expect(client().delete('nobody')).rejects.toThrow(SandboxNotFoundError);
    await expect(client().getArchived('a'.repeat(21))).rejects.toThrow();
    await expect(client().connect('nobody').run('true')).rejects.toThrow();
  });

  test('a wrong key is refused', async () => {
    const stranger = clientOf({ ...server(), url: server().url, apiKey: 'tl_apiKey_not-one-of-ours' });
    await expect(stranger.list()).rejects.toEqual(remoteError(401));
  });

  test('ten creates at once make ten sandboxes that run', async () => {
    const sandboxes = await Promise.all(
      Array.from({ length: 10 }, () => client().createAndConnect({ memoryMb: 128 })),
    );
    const results = await Promise.all(
      sandboxes.map((sandbox, index) => sandbox.run('echo', { args: [`${index}`] })),
    );
    await Promise.all(sandboxes.map((sandbox) => sandbox.terminate()));
    expect(new Set(sandboxes.map(({ sandboxId }) => sandboxId)).size).toBe(10);
    expect(results.map(({ stdout }) => stdout)).toEqual(sandboxes.map((_, index) => `${index}`));
  });

  test('closing a handle keeps the sandbox; health and info of its agent answer', async () => {
    const sandbox = await client().createAndConnect({ name: 'kept' });
    const health = await sandbox.health();
    const info = await sandbox.daemonInfo();
    sandbox.close();
    const { status } = await client().get('kept');
    await client().delete('kept');
    expect(status).toBe('running');
    expect(health.healthy).toBe(true);
    expect(info).toMatchObject({ version: expect.any(String), uptimeSecs: expect.any(Number) });
  });
}
