import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { build } from '../../fixtures/build.ts';
import type { EndedBuild } from '../../fixtures/build.ts';
import type { TestServer } from '../../fixtures/server.ts';
import { readGuide } from '../blaxel-guide/blocks.ts';
import { writeTemplate } from '../blaxel-guide/template.ts';
import type { Client, SandboxInstance } from './client.ts';

/** The image of the published guide: its Dockerfile and its entrypoint, which starts the sandbox API and calls it. */
export function testSeedImage(server: () => TestServer, client: () => Client): void {
  let dir: string;
  let built: EndedBuild;
  let sandbox: SandboxInstance;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'atoll-blaxel-seed-'));
    await writeTemplate(await readGuide(), dir);
    built = await build(server(), { name: 'mytemplate' }, dir);
    expect(built.build.failure).toBeUndefined();
    sandbox = await client().create({ name: 'seed', image: 'sandbox/mytemplate:latest', memory: 512 });
  });
  afterAll(async () => {
    await sandbox?.delete();
    await rm(dir, { recursive: true, force: true });
  });

  test('sandbox-api of the published image is this server’s own', () => {
    expect(JSON.stringify(built.events)).toContain("this server's own image of the sandbox API");
  });

  test('the entrypoint runs, waits for the API on port 8080, and starts a process by it', async () => {
    const processes = async () =>
      (await sandbox.process.list()).map(({ command, status }) => [command, status]);
    await expect.poll(processes, { timeout: 60_000 }).toEqual([['npm run dev', 'running']]);
    const logs = await sandbox.process.logs('entrypoint');
    expect(logs).toContain('Sandbox API ready');
    const [dev] = await sandbox.process.list();
    expect(dev).toMatchObject({ workingDir: '/app' });
    await expect.poll(async () => (await sandbox.fetch(3000, '/')).status, { timeout: 30_000 }).toBe(200);
  });

  test('programs inside call the API without a key, on the loopback alone', async () => {
    const run = async (command: string) =>
      (await sandbox.process.exec({ command, waitForCompletion: true })).stdout;
    expect(await run('curl -s localhost:8080/health')).toContain('"status":"ok"');
    await run('curl -s -X PUT localhost:8080/filesystem/%2Ftmp%2Finside -d \'{"content":"written"}\'');
    expect(await sandbox.fs.read('/tmp/inside')).toBe('written');
    const outer = 'curl -s -m 5 "$(hostname -I | cut -d" " -f1):8080/health"; echo $?';
    expect(await run(outer)).toMatch(/^(7|28)\n$/);
  });

  test('the program serves another port too, and runs a command when it stands', async () => {
    const given = '/usr/local/bin/sandbox-api --port 8090 --disable-telemetry -c "echo begun > /tmp/begun"';
    await sandbox.process.exec({ command: given, name: 'second-api', waitForPorts: [] });
    const look = { command: 'until [ -s /tmp/begun ]; do sleep 0.1; done; curl -s localhost:8090/health' };
    const { stdout } = await sandbox.process.exec({ ...look, waitForCompletion: true, timeout: 60 });
    expect(stdout).toContain('"status":"ok"');
    await sandbox.process.kill('second-api');
  });

  test('another user of the sandbox cannot use the socket of the API', async () => {
    const code =
      'import socket; s=socket.socket(socket.AF_UNIX); s.connect("\\0atoll-sandbox-api"); s.sendall(b"GET /health HTTP/1.0\\r\\n\\r\\n"); print(len(s.recv(100)))';
    const by = async (who: string) =>
      (
        await sandbox.process.exec({
          command: `${who} python3 -c '${code}' 2>/dev/null || echo refused`,
          waitForCompletion: true,
        })
      ).stdout;
    expect(await by('')).toBe('100\n');
    expect(await by('sudo -n')).toBe('100\n');
    expect(await by('sudo -n setpriv --reuid 65534 --clear-groups')).toMatch(/^(0|refused)\n$/);
  });
}
