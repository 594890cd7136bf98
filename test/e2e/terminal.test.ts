import { once } from 'node:events';
import { createServer, connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { SandboxClient } from '@atoll/sdk';
import type { Sandbox } from '@atoll/sdk';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePort } from '../fixtures/free-port.ts';
import { runInTerminal } from '../fixtures/in-terminal.ts';
import { runCli, startCli } from '../fixtures/run-cli.ts';
import { startTestServer } from '../fixtures/server.ts';
import type { TestServer } from '../fixtures/server.ts';

let server: TestServer;
let sandbox: Sandbox;

beforeAll(async () => {
  server = await startTestServer({ runtime: 'fake' });
  const client = new SandboxClient({ apiUrl: server.url, apiKey: server.apiKey });
  sandbox = await client.createAndConnect({ name: 'my-env' });
});
afterAll(async () => server?.close());

const env = () => ({ ATOLL_DATA_DIR: server.dataDir, XDG_CONFIG_HOME: '/nonexistent' });
const cli = (...args: string[]) => runCli(args, { env: env() });
const main = join(import.meta.dirname, '..', '..', 'cli', 'src', 'main.ts');

test('sbx ssh is a terminal of the right size, takes Ctrl-C as a key and exits as the shell does', async () => {
  const argv = [process.execPath, main, 'sbx', 'ssh', '-s', '/bin/sh', '-e', 'PS1=ready> ', 'my-env'];
  const all = { PATH: process.env['PATH'] ?? '', TERM: 'xterm', ...env() };
  const { exitCode, output } = await runInTerminal(argv, all, [
    { expect: 'ready> ' },
    { send: 'stty size; echo $TERM $COLORTERM\r' },
    { expect: '33 99' },
    { expect: 'xterm truecolor' },
    { resize: [88, 44] },
    { send: 'sleep 0.5; stty size\r' },
    { expect: '44 88' },
    // It runs in the foreground once it says so; a shell that is still starting it would take the signal itself.
    { send: "sh -c 'echo $((6*8))-runs; exec sleep 60'\r" },
    { expect: '48-runs' },
    { send: '\x03' },
    { expect: 'ready> ' },
    { send: 'exit 7\r' },
  ]);
  expect(exitCode, output).toBe(7);
});

test('sbx ssh takes a script from a pipe and ends with it', async () => {
  const script = 'echo $((6*7))\nfalse\n';
  const ran = await runCli(['sbx', 'ssh', '-s', '/bin/sh', 'my-env'], { env: env(), input: script });
  expect(ran.stdout).toContain('42');
  expect(ran.exitCode).toBe(1);
});

test('sessions are listed, joined and ended', async () => {
  const pty = await sandbox.createPty({ command: 'cat', rows: 10, cols: 20 });
  const ended = expect(pty.wait()).rejects.toThrow('PTY session terminated');
  const listed = await cli('sbx', 'pty', 'ls', 'my-env');
  expect(listed.stdout).toMatch(new RegExp(`${pty.sessionId}\t\\d+\trunning\t20x10\t`));
  const joined = startCli(['sbx', 'pty', 'attach', '--token', pty.token, 'my-env', pty.sessionId], {
    env: env(),
  });
  const closed = once(joined, 'close');
  joined.stderr.resume();
  joined.stdin.write('typed\n');
  await once(createInterface({ input: joined.stdout }), 'line');
  const removed = await cli('sbx', 'pty', 'rm', 'my-env', pty.sessionId);
  expect(removed).toEqual({ exitCode: 0, stdout: `${pty.sessionId}\n`, stderr: '' });
  const [code] = await closed;
  expect(code).toBe(1);
  await ended;
  const missing = await cli('sbx', 'pty', 'rm', 'my-env', pty.sessionId);
  expect(missing).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('not found') });
});

test('a terminal gives all output, however late and slow its reader', async () => {
  const args = ['-c', 'stty -opost; head -c 3000000 /dev/zero | tr "\\0" x; exit 4'];
  const pty = await sandbox.createPty({ command: 'sh', args });
  await new Promise((resolve) => setTimeout(resolve, 300));
  let count = 0;
  for await (const chunk of pty) {
    if (count === 0) await new Promise((resolve) => setTimeout(resolve, 300));
    count += chunk.length;
  }
  expect([count, await pty.wait()]).toEqual([3_000_000, 4]);
});

test('a session that was left is found again; a wrong token is refused', async () => {
  const pty = await sandbox.createPty({ command: 'sh', args: ['-c', 'read line; echo got $line'] });
  pty.disconnect();
  await expect(pty.wait()).rejects.toThrow('left');
  await expect(sandbox.connectPty(pty.sessionId, 'wrong')).rejects.toMatchObject({
    statusCode: 403,
    code: 'INVALID_TOKEN',
  });
  let seen = '';
  const onData = (data: Uint8Array): void => void (seen += Buffer.from(data).toString());
  const again = await sandbox.connectPty(pty.sessionId, pty.token, { onData });
  await again.resize(100, 50);
  await again.sendInput('hello\n');
  expect(await again.wait()).toBe(0);
  expect(seen).toContain('got hello');
});

test('a tunnel wakes a suspended sandbox, passes the end of input on and gets the rest of the answer', async () => {
  const upper = createServer({ allowHalfOpen: true }, (socket) => {
    void text(socket).then((request) => socket.end(request.toUpperCase()));
  });
  await new Promise<void>((resolve) => upper.listen(0, '127.0.0.1', resolve));
  const { port } = upper.address() as AddressInfo;
  const local = await freePort();
  const child = startCli(['sbx', 'tunnel', 'my-env', String(port), '-l', String(local)], { env: env() });
  const [line] = await once(createInterface({ input: child.stderr }), 'line');
  expect(line).toBe(
    `Listening on 127.0.0.1:${local} and forwarding to sandbox my-env port ${port}. Press Ctrl-C to stop.`,
  );
  await sandbox.suspend();
  expect((await sandbox.info()).status).toBe('suspended');
  const socket = connect({ port: local, host: '127.0.0.1', allowHalfOpen: true });
  socket.end('half closed');
  expect(await text(socket)).toBe('HALF CLOSED');
  expect((await sandbox.info()).status).toBe('running');
  child.kill('SIGINT');
  await once(child, 'close');
  upper.close();
});

test('a managed process is known by its name through restarts', async () => {
  const restart = { policy: 'always', initialBackoffMs: 10 } as const;
  const started = await sandbox.startProcess('sleep', { args: ['60'], name: 'worker', restart });
  expect(started.managed).toMatchObject({ name: 'worker', status: 'running', restartCount: 0 });
  const again = await sandbox.restartProcess('worker');
  expect(again.pid).not.toBe(started.pid);
  expect(again.managed).toMatchObject({ restartCount: 1, lastExit: { signal: 9 } });
  await sandbox.killProcess('worker');
  expect((await sandbox.getProcess('worker')).managed?.status).toBe('stopped');
});
