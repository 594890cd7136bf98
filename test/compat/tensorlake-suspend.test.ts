import { SandboxClient } from 'tensorlake';
import { expect, test } from 'vitest';
import { describeOnEachDriver } from '../fixtures/server.ts';

/** Counts in memory, writes each number, and keeps the file open. */
const counter = `
import time
n = 0
with open('/tmp/count', 'w') as out:
    while True:
        n += 1
        out.seek(0); out.write(str(n)); out.flush()
        time.sleep(0.05)
`;

describeOnEachDriver('suspend and resume with npm tensorlake', (server) => {
  const connect = () => new SandboxClient({ apiUrl: server().url, apiKey: server().apiKey });
  const countOf = async (sandbox: { readFile: (path: string) => Promise<Uint8Array> }) =>
    Number(new TextDecoder().decode(await sandbox.readFile('/tmp/count')));

  test('a program counts on after a suspend, a restart of the server and a resume', async () => {
    const created = await connect().createAndConnect({ name: 'counter' });
    await created.startProcess('python3', { args: ['-c', counter] });
    await expect.poll(() => countOf(created).catch(() => 0)).toBeGreaterThan(3);
    await connect().suspend('counter');
    expect((await connect().get('counter')).status).toBe('suspended');
    await server().kill9();
    await server().restart();
    expect((await connect().get('counter')).status).toBe('suspended');
    await connect().resume('counter');
    const sandbox = await connect().connect('counter');
    const before = await countOf(sandbox);
    expect(before).toBeGreaterThan(3);
    await expect.poll(() => countOf(sandbox)).toBeGreaterThan(before);
    expect((await sandbox.listProcesses()).filter(({ status }) => status === 'running')).toHaveLength(1);
    await connect().delete('counter');
  });

  test('a request wakes a suspended sandbox', async () => {
    const sandbox = await connect().createAndConnect({ name: 'sleeper' });
    await connect().suspend('sleeper');
    expect((await sandbox.run('echo', { args: ['awake'] })).stdout).toBe('awake');
    expect((await connect().get('sleeper')).status).toBe('running');
    await connect().delete('sleeper');
  });

  test('an unnamed sandbox is not suspended', async () => {
    const sandbox = await connect().createAndConnect();
    await expect(connect().suspend(sandbox.sandboxId)).rejects.toMatchObject({ statusCode: 400 });
    await sandbox.terminate();
  });
});
