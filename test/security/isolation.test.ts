import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { AdminClient, SandboxClient } from '@atoll/sdk';
import type { Sandbox } from '@atoll/sdk';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeOnEachDriver } from '../fixtures/server.ts';
import type { TestServer } from '../fixtures/server.ts';
import { confinementInside, confinementOutside } from './confinement.ts';
import { testExhaustion } from './exhaustion.ts';
import { head, sendRaw, statusesOf } from './raw-http.ts';
import { testSecretCensus } from './secret-census.ts';
import { attemptNames, isRecording, readRecord, writeRecord } from './security-record.ts';
import type { Confinement, DriverRecord, User } from './security-record.ts';

const program = readFileSync(join(import.meta.dirname, 'attempts', 'escape.py'), 'utf8');
const STARTS_TIMEOUT_MS = 60_000;

/** What the sandbox is its user's to have; everything else must be refused. */
const ofTheSandbox = {
  root: new Set([
    'host root through /proc/1/root',
    'processes',
    'environment of the agent',
    'memory of the agent',
    'file descriptor of the agent',
    'ptrace of the agent',
    'token',
    'kill the agent softly',
    'sudo',
  ]),
  'tl-user': new Set(['processes', 'sudo']),
};

/** Files and keys of gVisor's own kernel, which is the sandbox's alone: the host's are never opened. */
const ofItsKernel = {
  gvisor: new Set(['/proc/sysrq-trigger', 'vm settings', 'keyctl', 'new mount calls']),
  native: new Set<string>(),
};

/** What the runtime has in common with its host; the cgroup namespace of gVisor's processes holds nothing of a guest. */
const namespacesShared = { gvisor: ['cgroup', 'time'], native: ['time'] };

const nothingSeen: Confinement = {
  capabilities: [],
  isFiltered: false,
  gainsNothing: false,
  isHostRoot: false,
  sharedNamespaces: [],
};

describeOnEachDriver('a sandbox', (getServer, driver) => {
  let folder: string;
  let marker: string;
  let client: SandboxClient;
  let sandbox: Sandbox;
  let other: Sandbox;
  const found: DriverRecord = {
    inside: { root: nothingSeen, 'tl-user': nothingSeen },
    outside: nothingSeen,
    attempts: {},
    exhaustion: {},
  };

  beforeAll(async () => {
    const server = getServer();
    folder = await mkdtemp(join(tmpdir(), 'atoll-test-'));
    marker = randomBytes(16).toString('hex');
    writeFileSync(join(folder, 'marker'), marker, { mode: 0o644 });
    client = new SandboxClient({ apiUrl: server.url, apiKey: server.apiKey });
    sandbox = await client.createAndConnect({ memoryMb: 512 });
    other = await client.createAndConnect({ memoryMb: 512, name: 'other' });
    await sandbox.writeFile('/tmp/escape.py', program);
  }, STARTS_TIMEOUT_MS);
  afterAll(() => rm(folder, { recursive: true, force: true }));

  /** Tries everything as that user; answers what became of each. */
  async function tryEscape(user: User): Promise<Record<string, string>> {
    const { dataDir } = getServer();
    const socket = `atoll-test-${randomBytes(8).toString('hex')}`;
    const listener = createServer().listen({ path: `\0${socket}` });
    await once(listener, 'listening');
    const files = [join(folder, 'marker'), join(dataDir, 'server-key'), join(dataDir, 'admin-key')];
    const disk = rootDisk();
    const targets = { files, socket, device: disk.device, disk: disk.path, process: process.pid };
    const args = ['/tmp/escape.py', JSON.stringify(targets)];
    const { stdout, stderr } = await sandbox.run('python3', args, { user, timeout: 60 });
    listener.close();
    expect(stderr).toBe('');
    return JSON.parse(stdout) as Record<string, string>; // the program's own output
  }

  const sh = async (script: string, user = 'root', on = sandbox): Promise<string> =>
    (await on.run('/bin/sh', ['-c', script], { user })).stdout;

  test.each(['root', 'tl-user'] as const)(
    'gives %s nothing of the host',
    async (user) => {
      const server = getServer();
      const attempts = await tryEscape(user);
      const allowed = ofTheSandbox[user].union(ofItsKernel[driver]);
      const had = Object.entries(attempts).filter(([, outcome]) => outcome.startsWith('got: '));
      expect(Object.fromEntries(had.filter(([name]) => !allowed.has(name)))).toEqual({});
      expect(Object.keys(attempts)).toEqual(attemptNames(program));
      const said = JSON.stringify(attempts);
      for (const secret of [marker, keyIn(join(server.dataDir, 'server-key')), server.apiKey])
        expect(said).not.toContain(secret);
      expect(attempts['processes']).not.toMatch(/run-server|vitest/);
      for (const [name, outcome] of Object.entries(attempts))
        (found.attempts[name] ??= { root: '', 'tl-user': '' })[user] = outcome.replace(/^got: .*$/s, 'own');
    },
    90_000,
  );

  test('is confined as it was when the record was written, inside and as the host sees it', async () => {
    found.inside = {
      root: await confinementInside(sandbox, 'root'),
      'tl-user': await confinementInside(sandbox, 'tl-user'),
    };
    found.outside = confinementOutside(getServer());
    const { inside, outside } = isRecording ? found : (readRecord()[driver] ?? {});
    expect({ inside: found.inside, outside: found.outside }).toEqual({ inside, outside });
    expect(found.inside['tl-user'].capabilities).toEqual([]);
    expect(found.outside).toMatchObject({ isFiltered: true, sharedNamespaces: namespacesShared[driver] });
  });

  testExhaustion(getServer, (name, outcome) => void (found.exhaustion[name] = outcome));

  test('was refused what the record says', () => {
    if (isRecording) writeRecord(driver, found);
    const recorded = readRecord()[driver];
    expect(outcomesOf(found)).toEqual(recorded && outcomesOf(recorded));
  });

  test.runIf(driver === 'gvisor')('shows the kernel of gVisor, not that of the host', async () => {
    expect(await sh('dmesg')).toContain('gVisor');
    expect(await sh('uname -r')).not.toContain(release());
    expect(await sh('cat /proc/version')).not.toContain(release());
  });

  test('raises privileges inside and nowhere else', async () => {
    expect(await sh('sudo -n id -u; sudo -n cat /etc/shadow | wc -l', 'tl-user')).toMatch(/^0\n[1-9]/);
    const server = getServer();
    const agents = processesOf(server.instanceId).filter(({ line }) => line.includes('/.atoll/agent'));
    // With user namespaces root inside is nobody outside; in gVisor there is no process of the sandbox outside.
    expect(agents.filter(({ uid }) => uid === 0)).toEqual([]);
  });

  test('sees neither processes nor files of another', async () => {
    await sh('echo of-the-other > /tmp/secret; nohup sleep 4242 >/dev/null 2>&1 &', 'root', other);
    expect(await sh('ps aux 2>/dev/null || cat /proc/[0-9]*/cmdline')).not.toContain('4242');
    expect(
      await sh('cat /tmp/secret 2>&1; grep -rsl of-the-other /tmp /dev/shm /var/tmp; true'),
    ).not.toContain('secret\n');
  });

  test('reaches neither the agent of another nor its own without the token', async () => {
    const address = (
      await sh("hostname -I 2>/dev/null || ip -4 -o addr show eth0 | awk '{print $4}'", 'root', other)
    )
      .trim()
      .split(/[ /]/)[0];
    const get = (host: string): string =>
      `python3 -c "import urllib.request as r; print(r.urlopen('http://${host}:9501/api/v1/health', timeout=3).status)" 2>&1`;
    expect(await sh(get(address ?? ''))).toMatch(/timed out|refused|unreachable|reset|closed/i);
    expect(await sh(get('127.0.0.1'))).toMatch(/timed out|refused|unreachable|reset|closed|401/i);
  });

  test('has a token of its own, which only its root can read', async () => {
    const read = 'cat /.atoll/identity/agent.json';
    const [mine, theirs] = [await sh(read), await sh(read, 'root', other)].map(
      (text) => (JSON.parse(text) as { token: string }).token, // agent/README.md
    );
    expect(mine).toMatch(/^[0-9a-f]{64}$/);
    expect(theirs).not.toBe(mine);
    const { stdout, exitCode } = await sandbox.run('/bin/sh', ['-c', `${read} 2>&1`], { user: 'tl-user' });
    expect([exitCode, stdout]).toEqual([1, expect.stringContaining('Permission denied')]);
  });

  test('cannot be reached with the key of another workspace, however it is addressed', async () => {
    const server = getServer();
    const stranger = await strangerKey(server);
    const { sandboxId } = sandbox;
    const ask = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
      fetch(new URL(path, server.url), { headers: { authorization: `Bearer ${stranger}`, ...headers } });
    const answers = await Promise.all([
      ...[sandboxId, other.sandboxId, 'other'].flatMap((name) => [
        ask(`/v1/namespaces/default/sandboxes/${name}`),
        ask(`/v1/sandboxes/${name}`),
        ask('/api/v1/health', { 'x-tensorlake-sandbox-id': name }),
      ]),
      ask(`/v1/namespaces/${(await whoami(server)).workspace.name}-x/sandboxes/${sandboxId}`),
    ]);
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 404));
    const unknown = await ask('/api/v1/health', { 'x-tensorlake-sandbox-id': 'never-was' });
    const wording = async (answer: Response): Promise<string> =>
      (await answer.text())
        .replaceAll(/"[^"]*(never-was|other)[^"]*"/g, '""')
        .replaceAll(/"request_id":"[^"]*"/g, '');
    const theirs = await ask('/api/v1/health', { 'x-tensorlake-sandbox-id': 'other' });
    expect(await wording(theirs)).toBe(await wording(unknown));
    for (const host of [`${sandboxId}.local`, 'other.local']) {
      const request = head(
        'GET /api/v1/health HTTP/1.1',
        `Host: ${host}`,
        `Authorization: Bearer ${stranger}`,
      );
      expect(statusesOf(await sendRaw(server.url, request))).toEqual([404]);
    }
    const list = await ask('/v1/namespaces/default/sandboxes');
    expect(await list.text()).not.toContain(sandboxId);
  });

  test('leaves no secret in answers, logs, arguments or open files', async () => {
    const server = getServer();
    const secretValue = `hunter-${randomBytes(8).toString('hex')}`;
    await sandbox.run('true', { env: { SECRET: secretValue } });
    await sandbox.run('/no/such/command', { env: { SECRET: secretValue } }).catch(() => {});
    const token = (JSON.parse(await sh('cat /.atoll/identity/agent.json')) as { token: string }).token;
    const stranger = await strangerKey(server);
    const secrets = [token, secretValue, stranger, server.apiKey, keyIn(join(server.dataDir, 'server-key'))];
    const shown = [
      ...server.log,
      ...processesOf(server.instanceId).map(({ line }) => line),
      ...processesOf(server.dataDir).map(({ line }) => line),
      await textOf(server, `/v1/namespaces/default/sandboxes/${sandbox.sandboxId}`),
      await textOf(server, '/v1/namespaces/default/sandboxes'),
      await textOf(server, '/metrics'),
      await textOf(server, '/healthz'),
      await textOf(server, '/api/v1/info', { 'x-tensorlake-sandbox-id': sandbox.sandboxId }),
    ].join('\n');
    expect(shown.length).toBeGreaterThan(1000);
    for (const secret of secrets) expect(shown.includes(secret)).toBe(false);
  });

  // What a build and an import do with secrets is the same on each driver.
  if (driver === 'gvisor') testSecretCensus(getServer);

  test('lies where no other user of the host may look', () => {
    const server = getServer();
    const open = [server.dataDir, join(server.runDir, server.instanceId)].filter(
      (path) => (statSync(path).mode & 0o077) !== 0,
    );
    expect(open).toEqual([]);
    const files = readdirSync(server.dataDir, { withFileTypes: true }).filter((entry) => entry.isFile());
    const readable = files.filter(({ name }) => (statSync(join(server.dataDir, name)).mode & 0o077) !== 0);
    expect(readable.map(({ name }) => name)).toEqual([]);
  });
});

/** Why something is refused is the host's to choose: what it lacks cannot be denied. */
const outcomesOf = ({ attempts, exhaustion }: DriverRecord) => ({
  exhaustion,
  attempts: Object.fromEntries(
    Object.entries(attempts).map(([name, by]) => [
      name,
      [by.root, by['tl-user']].map((text) => text.split(':')[0]),
    ]),
  ),
});

const keyIn = (path: string): string => readFileSync(path, 'utf8').trim();

/** The disk that the host's root is on. */
function rootDisk(): { device: number; path: string } {
  const { dev } = statSync('/');
  const [, source = ''] = / \/ \/ .* - \S+ (\S+)/.exec(readFileSync('/proc/self/mountinfo', 'utf8')) ?? [];
  return { device: dev, path: source };
}

const textOf = async (
  server: TestServer,
  path: string,
  headers: Record<string, string> = {},
): Promise<string> => (await server.fetch(path, { headers })).text();

const whoami = async (server: TestServer) =>
  new AdminClient({ apiUrl: server.url, apiKey: server.apiKey }).whoami();

/** An admin of an account of its own on the same server. */
async function strangerKey(server: TestServer): Promise<string> {
  const admin = new AdminClient({ apiUrl: server.url, apiKey: server.apiKey });
  const name = `stranger-${randomBytes(4).toString('hex')}`;
  return (await admin.createAccount({ name, workspace: name, ownerName: name })).apiKey;
}

/** The processes of the host whose command line or cgroup has this in it. */
function processesOf(trace: string): { uid: number; line: string }[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && name !== String(process.pid));
  return pids.flatMap((pid) => {
    try {
      const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      const isOurs = `${line} ${readFileSync(`/proc/${pid}/cgroup`, 'utf8')}`.includes(trace);
      return isOurs ? [{ uid: statSync(`/proc/${pid}`).uid, line }] : [];
    } catch {
      return []; // it ended in between
    }
  });
}
