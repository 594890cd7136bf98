import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { join } from 'node:path';
import { AdminClient, SandboxClient } from '@atoll/sdk';
import type { NetworkConfig, Sandbox } from '@atoll/sdk';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from '../../server/src/lib/run.ts';
import { build } from '../fixtures/build.ts';
import { describeOnEachDriver } from '../fixtures/server.ts';
import { PORT, startHosts, startResolver } from './egress-stand.ts';
import type { StandInHosts } from './egress-stand.ts';

const bypass = readFileSync(join(import.meta.dirname, 'attempts', 'bypass.py'), 'utf8');
const STARTS_TIMEOUT_MS = 90_000;
const resolver = await startResolver();
afterAll(() => resolver.close());

/** Answers and refusals of one connection: `got TEXT` or `refused WHY`. */
const CONNECT = `import socket, sys
try:
    client = socket.create_connection((sys.argv[1], int(sys.argv[2])), 3)
    print("got", client.recv(200).decode().strip())
except OSError as error:
    print("refused", type(error).__name__)
`;

/** Says a line and what comes back, whenever the file /tmp/say changes; ends with the connection. */
const HOLD = `import socket, sys, time, os
client = socket.create_connection((sys.argv[1], ${PORT}), 3)
client.settimeout(6)
lines = client.makefile()
print("opened", lines.readline().strip(), flush=True)
for turn in range(1, 100):
    while not os.path.exists(f"/tmp/say{turn}"):
        time.sleep(0.02)
    try:
        client.sendall(f"{sys.argv[1]} turn {turn}\\n".encode())
        print("echo", lines.readline().strip() or "closed", flush=True)
    except OSError as error:
        print("ended", type(error).__name__, flush=True)
        break
`;

/** Attempts that fail for every sandbox, whatever its rules. */
const closedToAll =
  /^(the host|the server|the agent|another sandbox|ping to another|metadata|link-local|a private|a network of containers|IPv6$|IPv6,|rebinding|a dot|two questions|another port of)/;

describeOnEachDriver(
  'rules for destinations',
  (getServer) => {
    let client: SandboxClient;
    let hosts: StandInHosts;
    let hostService: Server;
    let sandbox: Sandbox;
    let neighbour: Sandbox;

    const listed = (): Partial<NetworkConfig> => ({
      allowOut: ['Allowed.example.', '*.wild.example', `${hosts.allowedQuiet}/32`],
      denyOut: ['denied.wild.example'],
    });

    beforeAll(async () => {
      hosts = await startHosts();
      hostService = createServer((socket) => socket.on('error', () => {}).end('host'));
      hostService.listen(0, '::');
      await once(hostService, 'listening');
      const zones = {
        'allowed.example': [hosts.allowed],
        'sub.wild.example': [hosts.allowed],
        'other.example': [hosts.other],
        'notallowed.example': [hosts.other],
        'denied.wild.example': [hosts.denied],
        'private.wild.example': [hosts.private],
        'private.example': [hosts.private],
        'metadata.wild.example': ['169.254.169.254'],
        'loopback.wild.example': ['127.0.0.1'],
        'mixed.wild.example': [hosts.allowed, hosts.private],
      };
      for (const [name, addresses] of Object.entries(zones)) resolver.zones.set(name, { addresses });
      resolver.zones.set('alias.wild.example', { alias: 'denied.wild.example' });
      resolver.zones.set('cdn.wild.example', { alias: 'other.example' });
      resolver.zones.set('extra.wild.example', { addresses: [hosts.allowed], byTheWay: [hosts.other] });
      resolver.zones.set('kept.wild.example', { addresses: [hosts.other], ttlSecs: 86_400 });
      const server = getServer();
      client = new SandboxClient({ apiUrl: server.url, apiKey: server.apiKey });
      [sandbox, neighbour] = await Promise.all([
        client.createAndConnect({ memoryMb: 256, name: 'ruled', ...listed() }),
        client.createAndConnect({ memoryMb: 256 }),
      ]);
      await sandbox.writeFile('/tmp/bypass.py', bypass);
      await sandbox.writeFile('/tmp/connect.py', CONNECT);
      await sandbox.writeFile('/tmp/hold.py', HOLD);
    }, STARTS_TIMEOUT_MS);

    afterAll(async () => {
      hostService.close();
      await hosts.close();
      resolver.zones.clear();
    });

    const connect = async (host: string, port = PORT): Promise<string> =>
      (await sandbox.run('python3', ['/tmp/connect.py', host, String(port)])).stdout.trim();

    const addressOf = async (of: Sandbox): Promise<string> => {
      const script =
        'import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect(("1.1.1.1", 9)); print(s.getsockname()[0])';
      return (await of.run('python3', ['-c', script])).stdout.trim();
    };

    /** The other addresses of a link, which is a /30. */
    const onLink = (address: string, offset: number): string =>
      address.replace(/\d+$/, (last) => String(Number(last) + offset));

    /** Outcome by attempt; what the other of the two sandboxes has is out of reach as well. */
    const tryAll = async (from: Sandbox, user: string): Promise<Record<string, string>> => {
      const own = await addressOf(from);
      const other = await addressOf(from === sandbox ? neighbour : sandbox);
      resolver.zones.set('neighbour.wild.example', { addresses: [other] });
      const { server: _, arrived: __, close: ___, ...addresses } = hosts;
      const place = {
        ...addresses,
        port: PORT,
        neighbour: other,
        gateway: onLink(own, -1),
        linkBroadcast: onLink(own, 1),
        hostPort: (hostService.address() as AddressInfo).port,
        serverPort: Number(new URL(getServer().url).port),
      };
      const args = ['/tmp/bypass.py', JSON.stringify(place)];
      const { stdout, stderr } = await from.run('python3', args, { user, timeout: 100 });
      expect(stderr).toBe('');
      return JSON.parse(stdout) as Record<string, string>; // the program's own output
    };

    test('what is allowed is reached, by name and by address, over TCP and UDP', async () => {
      expect(await connect('allowed.example')).toBe(`got reached ${hosts.allowed}`);
      expect(await connect('ALLOWED.example.', 443)).toBe(`got reached ${hosts.allowed}`);
      expect(await connect('sub.wild.example')).toBe(`got reached ${hosts.allowed}`);
      expect(await connect('cdn.wild.example')).toBe(`got reached ${hosts.other}`);
      const udp = `import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(3); s.sendto(b"x", ("allowed.example", ${PORT})); print(s.recv(99).decode())`;
      expect((await sandbox.run('python3', ['-c', udp])).stdout).toBe(`reached ${hosts.allowed}`);
      // The names that were used just now leave nothing behind for what comes next.
      await sandbox.update({ network: listed() });
    });

    test('without rules the same attempts reach whoever is not closed to all', async () => {
      await neighbour.writeFile('/tmp/bypass.py', bypass);
      const outcomes = await tryAll(neighbour, 'root');
      const had = Object.keys(outcomes).filter((what) => outcomes[what]?.startsWith('got: '));
      expect(had).toEqual(
        expect.arrayContaining([
          'the address of another host',
          'port 443 of another host',
          'UDP',
          'ping',
          'DNS over TLS',
          'a name that is not allowed',
          'the source port of an allowed connection',
          'a denied name behind another',
        ]),
      );
      expect(had.filter((what) => closedToAll.test(what))).toEqual([]);
      const arrived = await hosts.arrived();
      expect(arrived[hosts.allowedQuiet]).toBe(0);
      expect(arrived['169.254.169.254']).toBe(0);
    }, 60_000);

    test('none of the ways past the rules leads anywhere, as root and as a plain user', async () => {
      await sandbox.update({ network: { allowOut: ['allowed.example'] } });
      await sandbox.update({ network: listed() });
      const before = await hosts.arrived();
      for (const user of ['root', 'tl-user']) {
        const attempts = await tryAll(sandbox, user);
        expect(Object.entries(attempts).filter(([, outcome]) => outcome.startsWith('got: '))).toEqual([]);
        expect(Object.keys(attempts).length).toBeGreaterThan(70);
      }
      const after = await hosts.arrived();
      const forbidden = Object.keys(after).filter((address) => address !== hosts.allowed);
      expect(forbidden.length).toBe(7);
      expect(forbidden.filter((address) => after[address] !== before[address])).toEqual([]);
      expect(await connect('allowed.example')).toBe(`got reached ${hosts.allowed}`);
    }, 240_000);

    /** A connection from inside that is held; each turn sends a line over it and answers what came of that. */
    const hold = async (host: string) => {
      const { pid } = await sandbox.startProcess('python3', ['/tmp/hold.py', host]);
      const lines = async (): Promise<string[]> => (await sandbox.getStdout(pid)).lines;
      const line = async (index: number): Promise<string> => {
        await expect.poll(async () => (await lines()).length, { timeout: 15_000 }).toBeGreaterThan(index);
        return (await lines())[index] ?? '';
      };
      let turn = 0;
      expect(await line(0)).toMatch(/^opened reached/);
      return {
        say: async (): Promise<string> => {
          turn += 1;
          await sandbox.writeFile(`/tmp/say${turn}`, '');
          return line(turn);
        },
        end: async () => {
          await sandbox.sendSignal(pid, 9).catch(() => {}); // it may have ended with its connection
          for (let index = 1; index <= turn; index++) await sandbox.deleteFile(`/tmp/say${index}`);
        },
      };
    };

    const readText = async (path: string): Promise<string> =>
      new TextDecoder().decode(await sandbox.readFile(path).catch(() => new Uint8Array()));

    const setRules = (network: Partial<NetworkConfig> | null) => sandbox.update({ network });

    test('a change lets connections go on that it allows, and ends those that it denies', async () => {
      await setRules({ allowOut: ['allowed.example'] });
      const held = await hold('allowed.example');
      expect(await held.say()).toBe('echo allowed.example turn 1');
      await setRules({ allowOut: [`${hosts.allowed}/31`] });
      expect(await held.say()).toBe('echo allowed.example turn 2');
      await setRules({ allowOut: ['allowed.example', '*.wild.example'] });
      expect(await held.say()).toBe('echo allowed.example turn 3');
      await setRules(null);
      expect(await held.say()).toBe('echo allowed.example turn 4');
      const info = await setRules({ denyOut: [hosts.allowed] });
      expect(info.network).toEqual({ allowInternetAccess: true, allowOut: [], denyOut: [hosts.allowed] });
      expect(await held.say()).toMatch(/^(ended|echo closed)/);
      await held.end();
      expect(await connect(hosts.allowed)).toContain('refused');
      expect(await connect(hosts.other)).toContain('got');
    }, 60_000);

    test('a name that is allowed no more leads nowhere, however long its answer may be kept', async () => {
      await setRules({ allowOut: ['*.wild.example'] });
      expect(await connect('kept.wild.example')).toContain('got');
      await setRules({ allowOut: ['allowed.example'] });
      expect(await connect(hosts.other)).toContain('refused');
      expect(await connect('kept.wild.example')).toContain('refused');
    });

    test('without internet listed hosts are reached and no name is resolved', async () => {
      await setRules({ allowInternetAccess: false, allowOut: ['allowed.example'] });
      expect(await connect(hosts.allowed)).toContain('got');
      expect(await connect('allowed.example')).toContain('refused');
      await setRules({ allowInternetAccess: false });
      expect(await connect(hosts.allowed)).toContain('refused');
    });

    test('a denied host is denied by its addresses as well, and denial wins', async () => {
      await setRules({ denyOut: ['other.example'] });
      expect(await connect(hosts.other)).toContain('refused');
      expect(await connect(hosts.allowed)).toContain('got');
      await setRules({ allowOut: ['0.0.0.0/0'], denyOut: ['other.example'] });
      expect(await connect(hosts.other)).toContain('refused');
      expect(await connect(hosts.allowed)).toContain('got');
      expect(await connect(hosts.private)).toContain('refused');
    });

    test('rules that mean nothing are refused, and the old ones stay', async () => {
      await setRules({ allowOut: ['allowed.example'] });
      const refused = {
        invalid_network: [
          '::1',
          'https://a.example',
          '*',
          'a.*.example',
          '1.2.3.4:80',
          '10.0.0.0/8',
          '127.0.0.1',
        ],
        unresolvable_host: ['no-such.example', 'private.example'],
      };
      for (const [code, entries] of Object.entries(refused))
        for (const entry of entries)
          await expect(setRules({ allowOut: [entry] })).rejects.toMatchObject({ statusCode: 400, code });
      await expect(client.create({ allowOut: ['no-such.example'] })).rejects.toMatchObject({
        code: 'unresolvable_host',
      });
      const many = Array.from({ length: 257 }, (_, index) => `1.1.${index >> 8}.${index & 255}`);
      await expect(setRules({ denyOut: many })).rejects.toMatchObject({ code: 'invalid_network' });
      expect(await connect('allowed.example')).toContain('got');
      expect(await connect(hosts.other)).toContain('refused');
    });

    test('the operator opens closed ranges for one workspace, and closes them for connections that are open', async () => {
      const admin = new AdminClient({ apiUrl: getServer().url, apiKey: getServer().apiKey });
      await setRules(null);
      expect(await connect(hosts.private)).toContain('refused');
      for (const never of ['127.0.0.1', '224.0.0.0/4', 'private.example', '::1'])
        await expect(admin.setNetworkOpenings('default', [never])).rejects.toMatchObject({ statusCode: 400 });
      await admin.setNetworkOpenings('default', [hosts.private, hosts.hostAddress, '169.254.169.254']);
      expect(await connect(hosts.private)).toContain('got');
      expect(await connect('private.example')).toContain('got');
      expect(await connect('169.254.169.254', 80)).toContain('got');
      expect(await connect(hosts.hostAddress, (hostService.address() as AddressInfo).port)).toBe('got host');
      expect(await connect(hosts.linkLocal)).toContain('refused');
      const held = await hold(hosts.private);
      expect(await held.say()).toContain('echo');
      expect(await admin.setNetworkOpenings('default', [])).toEqual([]);
      expect(await held.say()).toMatch(/^(ended|echo closed)/);
      await held.end();
      const stranger = await admin.createAccount({ name: 'stranger', workspace: 'stranger', ownerName: 's' });
      const other = new AdminClient({ apiUrl: getServer().url, apiKey: stranger.apiKey });
      await expect(other.setNetworkOpenings('stranger', ['10.0.0.0/8'])).rejects.toMatchObject({
        statusCode: 403,
      });
      await expect(other.networkOpenings('default')).rejects.toMatchObject({ statusCode: 403 });
    }, 60_000);

    test('steps of a build reach what is opened for their workspace, and nothing else that is closed', async () => {
      const { url, apiKey } = getServer();
      const admin = new AdminClient({ apiUrl: url, apiKey });
      const reach = (host: string, tail: string): string =>
        `RUN python3 -c "import socket; socket.create_connection(('${host}', ${PORT}), 2)" ${tail}`;
      await admin.setNetworkOpenings('default', [hosts.private]);
      const dockerfile = [
        'FROM tensorlake/debian-minimal',
        reach(hosts.private, ''),
        reach(hosts.linkLocal, '&& exit 1 || true'),
      ].join('\n');
      const ended = await build(getServer(), { dockerfile, name: 'reaching' });
      await admin.setNetworkOpenings('default', []);
      expect(ended.build.failure).toBeUndefined();
      expect((await hosts.arrived())[hosts.linkLocal]).toBe(0);
    }, 60_000);

    test('what was sent is counted, and what was refused is on record', async () => {
      await setRules({ allowOut: ['allowed.example'] });
      const before = await sandbox.network();
      expect(await connect('allowed.example')).toContain('got');
      expect(await connect(hosts.other, 443)).toContain('refused');
      expect(await connect('elsewhere.example')).toContain('refused');
      const report = await sandbox.network();
      expect(report.sent.packets).toBeGreaterThan(before.sent.packets);
      expect(report.received.bytes).toBeGreaterThan(before.received.bytes);
      expect(report.refused.packets).toBeGreaterThan(before.refused.packets);
      expect(report.allowOut).toEqual(['allowed.example']);
      expect(report.limits).toEqual({ mbitPerSecond: 1000, newConnectionsPerSecond: 500 });
      const refusal = { address: hosts.other, protocol: 'tcp', port: 443 };
      expect(report.refusals).toContainEqual(expect.objectContaining(refusal));
      expect(report.refusedNames).toContainEqual(expect.objectContaining({ name: 'elsewhere.example' }));
      expect(report.refusals.length).toBeLessThanOrEqual(1_000);
    });

    test('rules outlive suspend and the end of the server, and hold while it is away', async () => {
      const server = getServer();
      await setRules({ allowOut: ['*.wild.example', 'allowed.example'] });
      expect(await connect('sub.wild.example')).toContain('got');
      await sandbox.suspend();
      await setRules({ allowOut: ['*.wild.example'] });
      await sandbox.resume();
      // A suspend to disk ends connections to the outside.
      expect(await connect('sub.wild.example')).toContain('got');
      const held = await hold(hosts.allowed);
      const before = await hosts.arrived();
      const script = `import time, socket
open("/tmp/ready", "w")
outcomes = []
for turn in range(20):
    for host in ("${hosts.other}", "${hosts.private}"):
        try:
            socket.create_connection((host, ${PORT}), 1)
            outcomes.append(host)
        except OSError:
            pass
    time.sleep(0.1)
open("/tmp/outcomes", "w").write(repr(outcomes))`;
      await sandbox.startProcess('python3', ['-c', script]);
      await expect
        .poll(() =>
          sandbox.readFile('/tmp/ready').then(
            () => true,
            () => false,
          ),
        )
        .toBe(true);
      await server.kill9();
      await server.restart();
      client = new SandboxClient({ apiUrl: server.url, apiKey: server.apiKey });
      sandbox = await client.connect('ruled');
      expect(await held.say()).toContain('echo');
      await held.end();
      expect(await connect(hosts.allowed)).toContain('got');
      expect(await connect('sub.wild.example')).toContain('got');
      await expect.poll(() => readText('/tmp/outcomes'), { timeout: 20_000 }).toBe('[]');
      const after = await hosts.arrived();
      expect([after[hosts.other], after[hosts.private]]).toEqual([
        before[hosts.other],
        before[hosts.private],
      ]);
      expect((await sandbox.network()).sent.packets).toBeGreaterThan(0);
    }, 120_000);

    test('nothing of a sandbox that has ended stays in the table', async () => {
      const table = async (): Promise<string> =>
        (
          await run(['nft', 'list', 'table', 'inet', `atoll_${getServer().instanceId}`], {
            timeoutMs: 10_000,
          })
        ).stdout;
      const short = await client.createAndConnect({
        memoryMb: 128,
        allowOut: ['1.1.1.1', 'allowed.example'],
      });
      const address = await addressOf(short);
      expect(await table()).toContain(address);
      await short.terminate();
      const left = async (): Promise<string[]> => {
        const lines = (await table()).split('\n');
        const ofIt = lines.filter((line) => line.includes(`${address} `) || line.includes(`${address},`));
        return ofIt.filter((line) => !/expires/.test(line));
      };
      // Its network goes after the answer.
      await expect.poll(left, { timeout: 10_000 }).toEqual([]);
    });
  },
  { args: ['--dns', resolver.address] },
);
