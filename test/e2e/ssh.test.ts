import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { AdminClient, SandboxClient } from '@atoll/sdk';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { freePort } from '../fixtures/free-port.ts';
import { runInTerminal } from '../fixtures/in-terminal.ts';
import { runCli } from '../fixtures/run-cli.ts';
import { describeOnUsualDriver } from '../fixtures/server.ts';

const SETUP_TIMEOUT_MS = 120_000;
let folder: string;
let key: string;
let publicKey: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'atoll-test-'));
  key = join(folder, 'id');
  await promisify(execFile)('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'laptop', '-f', key]);
  publicKey = await readFile(`${key}.pub`, 'utf8');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Ran {
  code: number | null;
  stdout: string;
  stderr: string;
}

async function finish(child: ChildProcess, input?: string | Buffer): Promise<Ran> {
  const { stdin, stdout, stderr } = child;
  if (stdin === null || stdout === null || stderr === null) throw new TypeError('without pipes');
  stdin.on('error', () => {}); // a client that was refused reads nothing
  if (input === undefined) stdin.end();
  else stdin.end(input);
  const [out, err] = await Promise.all([text(stdout), text(stderr), once(child, 'close')]);
  return { code: child.exitCode, stdout: out, stderr: err };
}

describeOnUsualDriver(
  'SSH',
  (server) => {
    let port = 0;
    let id = '';
    let client: SandboxClient;
    let admin: AdminClient;
    beforeAll(async () => {
      const connection = { apiUrl: server().url, apiKey: server().apiKey };
      client = new SandboxClient(connection);
      admin = new AdminClient(connection);
      port = await sshPort();
      ({ sandboxId: id } = await client.create({ name: 'box', memoryMb: 512 }));
      await admin.addSshKey({ name: 'laptop', publicKey });
    }, SETUP_TIMEOUT_MS);

    const sshPort = async (): Promise<number> => {
      const line = server().log.findLast((each) => each.includes('"listening for SSH"')) ?? '{}';
      return (JSON.parse(line) as { port: number }).port;
    };
    const options = (): string[] => [
      '-i',
      key,
      '-F',
      'none',
      '-o',
      'StrictHostKeyChecking=accept-new',
      '-o',
      'BatchMode=yes',
      '-o',
      `UserKnownHostsFile=${join(folder, `hosts-${port}`)}`,
      '-o',
      'IdentitiesOnly=yes',
      '-o',
      'LogLevel=ERROR',
    ];
    const start = (args: string[], user = 'box'): ChildProcess =>
      spawn(
        'ssh',
        [
          ...options(),
          '-p',
          String(port),
          ...args.slice(0, -1),
          `${user}@127.0.0.1`,
          ...args.slice(-1),
        ].filter((word) => word !== ''),
        {
          timeout: 60_000,
        },
      );
    const ssh = (args: string[], input?: string | Buffer, user?: string): Promise<Ran> =>
      finish(start(args, user), input);

    test('a command has its streams, its exit code and its signal', async () => {
      expect(await ssh(['echo out; echo err >&2; exit 3'])).toEqual({
        code: 3,
        stdout: 'out\n',
        stderr: 'err\n',
      });
      expect(await ssh(['id -un; pwd'], undefined, id)).toMatchObject({
        code: 0,
        stdout: 'tl-user\n/workspace\n',
      });
      expect((await ssh(['kill -TERM $$'])).code).toBe(255);
      expect(await ssh(['sleep 60 & echo back']).then(({ stdout }) => stdout)).toBe('back\n');
    });

    test('what describe prints is a configuration that ssh, scp and sftp reach the sandbox with', async () => {
      const env = { ATOLL_URL: server().url, ATOLL_API_KEY: server().apiKey };
      const { stdout } = await runCli(['sbx', 'describe', 'box'], { env });
      const [, block = ''] = stdout.split('SSH config:\n');
      expect(block).toContain(`    User ${id}\n`);
      const config = join(folder, `config-${port}`);
      const known = join(folder, `known-${port}`);
      const lines = [
        `IdentityFile ${key}`,
        `UserKnownHostsFile ${known}`,
        'StrictHostKeyChecking accept-new',
      ];
      await writeFile(config, [block, ...lines, 'BatchMode yes', 'LogLevel ERROR', ''].join('\n'));
      const run = (program: string, args: string[]): Promise<Ran> =>
        finish(spawn(program, ['-F', config, ...args], { timeout: 60_000 }));
      expect(await run('ssh', ['box', 'echo there'])).toEqual({ code: 0, stdout: 'there\n', stderr: '' });
      expect(await run('scp', ['-q', config, 'box:/tmp/config'])).toMatchObject({ code: 0 });
      const { stdout: fingerprint } = await promisify(execFile)('ssh-keygen', ['-l', '-f', known]);
      expect(block).toContain(`# ${fingerprint.split(' ')[1]} is`);
      const { ssh: shown } = await client.get('box');
      expect(shown).toEqual({ port, hostKeyFingerprint: fingerprint.split(' ')[1] });
    });

    test('bytes of any kind and number pass through standard input and output', async () => {
      const bytes = Buffer.alloc(3_000_000, Buffer.from(Array.from({ length: 251 }, (_, index) => index)));
      const child = start(['sha256sum; head -c 4000000 /dev/zero']);
      const { stdout } = await finish(child, bytes);
      const [hash] = stdout.split(' ', 1);
      expect(hash).toBe(createHash('sha256').update(bytes).digest('hex'));
      expect(stdout.length).toBeGreaterThan(4_000_000);
    });

    test('a slow reader holds the command up, not the server', async () => {
      const child = start(['head -c 30000000 /dev/zero | tee /dev/null; echo done >&2']);
      child.stdin?.end();
      const errors: Buffer[] = [];
      child.stderr?.on('data', (chunk: Buffer) => errors.push(chunk));
      await new Promise((resolve) => setTimeout(resolve, 1500));
      expect(Buffer.concat(errors).toString()).toBe('');
      let size = 0;
      for await (const chunk of child.stdout ?? []) size += (chunk as Buffer).length;
      expect(size).toBe(30_000_000);
    });

    test('a shell has a terminal of the right size that follows the window', async () => {
      const argv = ['ssh', ...options(), '-t', '-p', String(port), 'box@127.0.0.1'];
      const env = { PATH: process.env['PATH'] ?? '', TERM: 'xterm' };
      const { exitCode, output } = await runInTerminal(argv, env, [
        { send: 'PS1="ready"">"\r' },
        { expect: 'ready>' },
        { send: 'stty size; echo $TERM\r' },
        { expect: '33 99' },
        { expect: 'xterm' },
        { resize: [88, 44] },
        { send: 'sleep 0.5; stty size\r' },
        { expect: '44 88' },
        // It runs in the foreground once it says so; a shell that is still starting it would take the signal itself.
        { send: "sh -c 'echo $((6*8))-runs; exec sleep 60'\r" },
        { expect: '48-runs' },
        { send: '\x03' },
        { expect: 'ready>' },
        { send: 'exit 7\r' },
      ]);
      expect(exitCode, output).toBe(7);
    });

    test('scp and sftp copy files and folders', async () => {
      const up = join(folder, 'up load.bin');
      await writeFile(up, Buffer.alloc(5_000_000, 'abc'), { mode: 0o640 });
      const copy = (...args: string[]): Promise<Ran> =>
        finish(spawn('scp', ['-q', ...options(), '-P', String(port), ...args], { timeout: 60_000 }));
      expect(await copy('-p', up, 'box@127.0.0.1:/tmp/there.bin')).toMatchObject({ code: 0, stderr: '' });
      expect((await ssh(['stat -c "%s %a %U" /tmp/there.bin'])).stdout).toBe('5000000 640 tl-user\n');
      await ssh(['mkdir -p /tmp/tree/deep && echo 1 > /tmp/tree/deep/one']);
      expect(await copy('-r', 'box@127.0.0.1:/tmp/tree', folder)).toMatchObject({ code: 0, stderr: '' });
      expect(await readFile(join(folder, 'tree', 'deep', 'one'), 'utf8')).toBe('1\n');
      expect((await copy('box@127.0.0.1:/root/secret', folder)).code).not.toBe(0);
      const batch = `put "${up}" named\nrename named renamed\nls -l\nget renamed ${folder}/got\nrm renamed\nbye\n`;
      const sftp = spawn('sftp', ['-q', ...options(), '-P', String(port), '-b', '-', 'box@127.0.0.1'], {
        timeout: 60_000,
      });
      const ran = await finish(sftp, batch);
      expect(ran).toMatchObject({ code: 0 });
      expect((await stat(join(folder, 'got'))).size).toBe(5_000_000);
    });

    test('ports are forwarded in both directions', async () => {
      const local = await freePort();
      const script =
        'import socketserver as s\nclass H(s.StreamRequestHandler):\n  def handle(self): self.wfile.write(self.rfile.readline().upper())\n' +
        's.ThreadingTCPServer.allow_reuse_address=True\ns.ThreadingTCPServer(("127.0.0.1",7100),H).serve_forever()';
      await (await client.connect('box')).startProcess('python3', { args: ['-c', script] });
      const here = createServer((socket) => socket.end('from the client')).listen(0, '127.0.0.1');
      await once(here, 'listening');
      const { port: herePort } = here.address() as AddressInfo;
      const child = start([
        '-N',
        '-L',
        `${local}:localhost:7100`,
        '-R',
        `7200:127.0.0.1:${herePort}`,
        '-o',
        'ExitOnForwardFailure=yes',
        '',
      ]);
      const ended = once(child, 'close');
      const ask = async (): Promise<string> => {
        const socket = connect({ port: local, host: '127.0.0.1' });
        socket.end('hello\n');
        return text(socket);
      };
      await vi.waitFor(async () => expect(await ask()).toBe('HELLO\n'), { timeout: 15_000, interval: 100 });
      const read = await ssh([
        `python3 -c 'import socket;print(socket.create_connection(("127.0.0.1",7200)).recv(99).decode())'`,
      ]);
      expect(read.stdout).toBe('from the client\n');
      child.kill('SIGTERM');
      await ended;
      here.close();
    });

    test('a forward to the agent, to a closed port or to what the rules deny ends at once', async () => {
      const targets = ['127.0.0.1:9501', 'localhost:7999', '169.254.169.254:80', '10.99.99.99:22'];
      const forwards = await Promise.all(
        targets.map(async (target) => ({ target, local: await freePort() })),
      );
      const child = start([
        '-N',
        ...forwards.flatMap(({ target, local }) => ['-L', `${local}:${target}`]),
        '',
      ]);
      const local = forwards[0]?.local ?? 0;
      await vi.waitFor(
        () =>
          new Promise<void>((resolve, reject) => {
            const socket = connect({ port: local, host: '127.0.0.1' }, () => resolve(void socket.destroy()));
            socket.on('error', reject);
          }),
        { timeout: 15_000, interval: 100 },
      );
      const ask = async (to: number): Promise<string> => {
        const socket = connect({ port: to, host: '127.0.0.1' });
        socket.write('GET /api/v1/health HTTP/1.1\r\nHost: a\r\n\r\n');
        return text(socket).catch(() => '');
      };
      // Several at a time: a refusal must hold up no other channel.
      const asked = forwards.flatMap((each) => Array.from({ length: 5 }, () => ask(each.local)));
      expect(await Promise.all(asked)).toEqual(asked.map(() => ''));
      child.kill('SIGTERM');
      await once(child, 'close');
    });

    test('a suspended sandbox is woken, and a suspend ends the connection', async () => {
      await client.suspend('box');
      expect((await ssh(['echo awake'])).stdout).toBe('awake\n');
      const child = start(['echo here; sleep 60']);
      const ended = finish(child);
      await once(child.stdout ?? child, 'data');
      await client.suspend('box');
      expect((await ended).code).toBe(255);
    });

    test('no other key, no viewer and no sandbox of nobody is let in', async () => {
      const other = join(folder, `other-${port}`);
      await promisify(execFile)('ssh-keygen', ['-q', '-t', 'ecdsa', '-N', '', '-f', other]);
      const as = (user: string): Promise<Ran> => {
        const args = [
          ...options(),
          '-i',
          other,
          '-o',
          `IdentityFile=${other}`,
          '-p',
          String(port),
          `${user}@127.0.0.1`,
          'id',
        ];
        return finish(
          spawn(
            'ssh',
            args.filter((word, at) => word !== key && !(word === '-i' && args[at + 1] === key)),
            { timeout: 60_000 },
          ),
        );
      };
      const viewer = await admin.createKey({ name: 'viewer', role: 'viewer' });
      const asViewer = new AdminClient({ apiUrl: server().url, apiKey: viewer.value });
      await asViewer.addSshKey({ name: 'viewer', publicKey: await readFile(`${other}.pub`, 'utf8') });
      for (const user of ['box', 'nobody']) {
        expect(await as(user)).toMatchObject({
          code: 255,
          stderr: expect.stringContaining('Permission denied'),
        });
      }
      expect((await ssh(['id'], undefined, 'nobody')).code).toBe(255);
    });

    test('a key that is removed is out at once, also where it is inside', async () => {
      const child = start(['echo here; sleep 60']);
      const ended = finish(child);
      await once(child.stdout ?? child, 'data');
      const [registered] = await admin.listSshKeys();
      expect(registered).toMatchObject({
        name: 'laptop',
        keyType: 'ssh-ed25519',
        lastUsedAt: expect.any(Date),
      });
      await admin.removeSshKey(registered?.id ?? '');
      expect((await ended).code).toBe(255);
      expect((await ssh(['id'])).stderr).toContain('Permission denied');
      await admin.addSshKey({ name: 'laptop', publicKey });
      expect((await ssh(['echo back'])).stdout).toBe('back\n');
    });

    test('the host key is private and outlives the server', async () => {
      const file = join(server().dataDir, 'ssh-host-key');
      expect((await stat(file)).mode & 0o777).toBe(0o600);
      const before = await readFile(file, 'utf8');
      await server().stop();
      await server().restart(['--ssh-listen', `127.0.0.1:${port}`]);
      expect(await readFile(file, 'utf8')).toBe(before);
      expect((await ssh(['echo again'])).stdout).toBe('again\n');
    });
  },
  { args: ['--ssh-listen', '127.0.0.1:0'] },
);
