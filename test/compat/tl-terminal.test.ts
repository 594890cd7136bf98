import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { beforeAll, expect, test } from 'vitest';
import { call } from '../fixtures/api.ts';
import { freePort } from '../fixtures/free-port.ts';
import { runInTerminal } from '../fixtures/in-terminal.ts';
import { describeOnEachDriver } from '../fixtures/server.ts';
import { installTl } from './tl-install.ts';

const tl = await installTl();

describeOnEachDriver('terminals and tunnels with tl of npm tensorlake 0.5.33', (server) => {
  const env = (): Record<string, string> => ({
    HOME: '/nonexistent',
    PATH: process.env['PATH'] ?? '',
    TERM: 'xterm-256color',
    TENSORLAKE_API_URL: server().url,
    TENSORLAKE_API_KEY: server().apiKey,
    TENSORLAKE_SANDBOX_PROXY_URL: server().url,
  });
  const start = (...args: string[]) => {
    const [command = '', ...prefix] = tl;
    return spawn(command, [...prefix, 'sbx', ...args], { env: env(), timeout: 60_000 });
  };
  const run = async (...args: string[]): Promise<{ exit: number | null; stdout: string }> => {
    const child = start(...args);
    const [stdout] = await Promise.all([text(child.stdout), once(child, 'close')]);
    return { exit: child.exitCode, stdout };
  };

  beforeAll(async () => {
    expect((await run('create', 'my-env')).exit).toBe(0);
  });

  test('ssh is a terminal of the right size, and its exit code is the shell’s', async () => {
    const { exitCode, output } = await runInTerminal([...tl, 'sbx', 'ssh', 'my-env'], env(), [
      { expect: '$' },
      { send: 'stty size; id -un; echo $((6*7))\r' },
      { expect: '33 99\r\ntl-user\r\n42' },
      { resize: [88, 44] },
      { send: 'sleep 0.5; stty size\r' },
      { expect: '44 88' },
      // It runs in the foreground once it says so; a shell that is still starting it would take the signal itself.
      { send: "sh -c 'echo $((6*8))-runs; exec sleep 60'\r" },
      { expect: '48-runs' },
      { send: '\x03' },
      { expect: '$ ' },
      { send: 'exit 7\r' },
    ]);
    expect(exitCode, output).toBe(7);
  });

  test('pty ls says that there are none, and lists one that is open', async () => {
    const listed = await run('create', 'fresh').then(() => run('pty', 'ls', 'fresh'));
    expect(listed).toEqual({ exit: 0, stdout: 'No PTY sessions for sandbox fresh.\n' });
    await runInTerminal([...tl, 'sbx', 'ssh', 'fresh'], env(), [{ expect: '$' }, { send: 'exit\r' }]);
    const { exit, stdout } = await run('pty', 'ls', 'fresh');
    expect(exit).toBe(0);
    expect(stdout).toContain('/bin/bash');
  });

  test('pty attach joins a session, and rm ends one', async () => {
    const open = async () => {
      const headers = { 'x-tensorlake-sandbox-id': 'my-env' };
      const made = await call(server(), '/api/v1/pty', { headers, body: { command: 'bash' } });
      return made.body as { session_id: string; token: string }; // wire 2.5
    };
    const joined = await open();
    const attach = ['pty', 'attach', '--token', joined.token, 'my-env', joined.session_id];
    const { exitCode, output } = await runInTerminal([...tl, 'sbx', ...attach], env(), [
      { expect: '$' },
      { send: 'echo $((6*7)); exit 5\r' },
      { expect: '42' },
    ]);
    expect(exitCode, output).toBe(5);
    const { session_id: id } = await open();
    expect((await run('pty', 'rm', 'my-env', id)).exit).toBe(0);
  });

  test('a tunnel carries bytes both ways', async () => {
    const script =
      "import socket; s=socket.create_server(('127.0.0.1',7100)); c=s.accept()[0]; c.sendall(c.recv(99).upper()); c.close()";
    const serving = run('exec', 'my-env', 'python3', '-c', script);
    const port = await freePort();
    const tunnel = start('tunnel', 'my-env', '7100', '-l', String(port));
    const [line] = await once(createInterface({ input: tunnel.stderr }), 'line');
    expect(line).toContain('forwarding to sandbox my-env port 7100');
    const answer = await untilAnswered(port);
    tunnel.kill('SIGINT');
    expect(answer).toBe('PING');
    expect((await serving).exit).toBe(0);
  });
});

/** The server in the sandbox may not listen yet. */
async function untilAnswered(port: number): Promise<string> {
  for (let attempt = 0; attempt < 50; attempt += 1) {
    const socket = connect(port, '127.0.0.1');
    socket.write('ping');
    const answer = await text(socket).catch(() => '');
    if (answer !== '') return answer;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return '';
}
