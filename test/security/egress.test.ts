import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { join } from 'node:path';
import { SandboxClient } from '@atoll/sdk';
import type { NetworkConfig, Sandbox } from '@atoll/sdk';
import { afterAll, beforeAll, expect, test } from 'vitest';
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
  },
  { args: ['--dns', resolver.address] },
);
