import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SandboxInfo } from '@atoll/sdk';
import { beforeAll, expect, test } from 'vitest';
import { call, open } from '../fixtures/api.ts';
import { readUsage } from '../fixtures/process-usage.ts';
import { describeOnUsualDriver } from '../fixtures/server.ts';
import { openWebSocket } from '../fixtures/echo-socket.ts';
import type { EchoSocket } from '../fixtures/echo-socket.ts';
import { buildPortServer } from '../fixtures/port-server.ts';
import { openPortStand } from './port/port-stand.ts';
import type { PortStand } from './port/port-stand.ts';

const SETUP_TIMEOUT_MS = 120_000;
const LONG = process.env['ATOLL_TEST_LONG'] !== undefined;

let binary: Buffer;
beforeAll(async () => {
  binary = await buildPortServer();
}, SETUP_TIMEOUT_MS);

/** What the server in the sandbox saw of a request. */
interface Shown {
  method: string;
  url: string;
  host: string;
  headers: Record<string, string[]>;
  body: string;
}

describeOnUsualDriver(
  'exposed ports',
  (server) => {
    let stand: PortStand;
    let id = '';
    beforeAll(async () => {
      stand = await openPortStand(server(), binary, { name: 'web' });
      id = stand.sandbox.sandboxId;
      await Promise.all([stand.serve('127.0.0.1:8080'), stand.serve('0.0.0.0:8081')]);
      await stand.client.exposePorts('web', [8081, 8080], { allowUnauthenticatedAccess: true });
    }, SETUP_TIMEOUT_MS);

    const anybody = () => ({ url: server().url });
    const hostOf = (port: number, name = id, domain = 'atoll.test') => `${port}-${name}.${domain}`;
    const ask = (path: string, headers: Record<string, string>, method = 'GET') =>
      call(anybody(), path, { headers, method });
    const infoOf = (): Promise<SandboxInfo> => stand.client.get('web');
    const localUrl = async (port: number): Promise<string> => {
      const found = (await infoOf()).portUrls.find((each) => each.port === port);
      return found?.localUrl ?? 'none';
    };

    test.each([8080, 8081])('port %i is reached by a name, by a path and on localhost', async (port) => {
      const forms = [
        await ask('/a/b?c=%2F', { host: hostOf(port) }),
        await ask('/a/b?c=%2F', { host: hostOf(port, id, 'localhost') }),
        await ask('/a/b?c=%2F', { host: hostOf(port, id, 'sandbox.atoll.test') }),
        await ask(`/ports/${id}/${port}/a/b?c=%2F`, {}),
        await call({ url: await localUrl(port) }, '/a/b?c=%2F'),
      ];
      for (const answer of forms) expect(answer).toMatchObject({ status: 200, body: { url: '/a/b?c=%2F' } });
    });

    test('the answers say where each port is reached', async () => {
      const { portUrls } = await infoOf();
      const { port } = new URL(server().url);
      expect(portUrls).toEqual(
        [8080, 8081].map((each) => ({
          port: each,
          url: `http://${each}-${id}.localhost:${port}/`,
          pathUrl: `${server().url}/ports/${id}/${each}/`,
          localUrl: expect.stringMatching(/^http:\/\/localhost:\d+\/$/),
        })),
      );
    });

    test('a name needs a key where an id does not, and the key stays with the server', async () => {
      const named = { host: hostOf(8080, 'web') };
      expect(await ask('/', named)).toMatchObject({ status: 401, body: { code: 'UNAUTHENTICATED' } });
      for (const host of [hostOf(8080, 'web'), hostOf(8080)]) {
        const { body } = await ask('/', { host, authorization: `Bearer ${server().apiKey}` });
        expect((body as Shown).headers).not.toHaveProperty('Authorization');
      }
    });

    test('a key stays here also beside the name of a workspace that it may not use', async () => {
      const key = { authorization: `Bearer ${server().apiKey}`, 'x-blaxel-workspace': 'of-somebody-else' };
      const { body } = await ask('/', { host: hostOf(8080), ...key });
      expect((body as Shown).headers).not.toHaveProperty('Authorization');
    });

    test('an open port gets what its own server asks for in Authorization', async () => {
      const { body } = await ask('/', { host: hostOf(8080), authorization: 'Basic dXNlcjpwdw==' });
      expect((body as Shown).headers['Authorization']).toEqual(['Basic dXNlcjpwdw==']);
    });

    test('the server is told of the client by this hop alone', async () => {
      const { body } = await ask('/', {
        host: hostOf(8080),
        'x-forwarded-for': '6.6.6.6',
        'x-forwarded-prefix': '/evil',
        'x-real-ip': '6.6.6.6',
        forwarded: 'for=6.6.6.6',
        'x-atoll-token': 'forged',
        'x-tensorlake-route-hint': 'x',
        connection: 'keep-alive, x-hop',
        'x-hop': '1',
        cookie: 'mine=1; atoll_session=secret; __Host-atoll=secret',
      });
      const { headers, host } = body as Shown;
      expect(host).toBe(hostOf(8080));
      expect(headers).toEqual({
        'X-Forwarded-For': ['127.0.0.1'],
        'X-Forwarded-Host': [hostOf(8080)],
        'X-Forwarded-Proto': ['http'],
        Cookie: ['mine=1'],
        Connection: ['keep-alive'],
      });
    });

    test('what a browser applies to more than the page does not come out', async () => {
      const { headers } = await ask('/browser', { host: hostOf(8080) });
      expect(headers['set-cookie']).toEqual(['own=1; Path=/; HttpOnly', 'wide=1; Path=/']);
      for (const name of ['clear-site-data', 'strict-transport-security', 'x-hop'])
        expect(headers).not.toHaveProperty(name);
      expect(headers['www-authenticate']).toBe('Basic');
    });

    test('below a path, pages have no access to the origin of the API', async () => {
      const { headers } = await ask(`/ports/${id}/8080/browser`, { cookie: 'session=1' });
      expect(headers['content-security-policy']).toMatch(
        /^default-src 'self', sandbox (?!.*allow-same-origin)/,
      );
      for (const name of ['set-cookie', 'www-authenticate', 'clear-site-data'])
        expect(headers).not.toHaveProperty(name);
      const { body } = await ask(`/ports/${id}/8080/`, { cookie: 'session=1' });
      expect((body as Shown).headers).not.toHaveProperty('Cookie');
      expect((body as Shown).headers['X-Forwarded-Prefix']).toEqual([`/ports/${id}/8080`]);
    });

    test('redirects stay below the path, and its slash is added', async () => {
      const moved = await ask(`/ports/${id}/8080/moved`, {});
      expect(moved).toMatchObject({ status: 302, headers: { location: `/ports/${id}/8080/there?a=1` } });
      const bare = await ask(`/ports/${id}/8080?x=1`, {});
      expect(bare).toMatchObject({ status: 308, headers: { location: `/ports/${id}/8080/?x=1` } });
      expect(await ask('/moved', { host: hostOf(8080) })).toMatchObject({
        headers: { location: '/there?a=1' },
      });
    });

    test('a port of localhost answers no page that lets its own name point here', async () => {
      const local = { url: await localUrl(8080) };
      const rebound = await call(local, '/', { headers: { host: 'evil.example' } });
      expect(rebound).toMatchObject({ status: 400, body: { code: 'INVALID_REQUEST' } });
    });

    test('ports that are not exposed, and the agent, are out of reach', async () => {
      const key = { authorization: `Bearer ${server().apiKey}` };
      expect((await ask('/', { host: hostOf(9000) })).status).toBe(401);
      expect(await ask('/', { host: hostOf(9000), ...key })).toMatchObject({
        status: 404,
        body: { code: 'PORT_NOT_EXPOSED' },
      });
      await expect(stand.client.exposePorts('web', [9501])).rejects.toMatchObject({ statusCode: 400 });
      expect((await ask('/api/v1/health', { host: hostOf(9501) })).status).toBe(401);
      expect((await ask('/api/v1/health', { host: hostOf(9501), ...key })).body).toEqual({ healthy: true });
      const below = `/ports/${id}/9501/api/v1/health`;
      expect((await ask(below, {})).status).toBe(401);
      expect((await ask(below, key)).body).toEqual({ healthy: true });
    });

    test('chunked uploads and large downloads stream', async () => {
      const body = Buffer.alloc(24 << 20, 'x');
      const chunked = await fetch(`${server().url}/ports/${id}/8080/count`, {
        method: 'POST',
        body: new Blob([body]).stream(),
        duplex: 'half',
      });
      expect(await chunked.text()).toBe(`${24 << 20} <nil>`);
      const answer = await open(anybody(), '/big?mb=64', { headers: { host: hostOf(8081) } });
      let size = 0;
      for await (const chunk of answer) size += (chunk as Buffer).length;
      expect(size).toBe(64 << 20);
    });

    test('a client that never reads holds no more than the buffers of its connection', async () => {
      const before = readUsage(server().pid).memoryMb;
      const stuck = await Promise.all(
        Array.from({ length: 8 }, () => open(anybody(), '/big?mb=256', { headers: { host: hostOf(8081) } })),
      );
      await sleep(1000);
      expect(readUsage(server().pid).memoryMb - before).toBeLessThan(96);
      for (const answer of stuck) answer.destroy();
    });

    test('events arrive one by one, and end in the sandbox when the client leaves', async () => {
      const answer = await open(anybody(), '/events', { headers: { host: hostOf(8080) } });
      const [first] = (await once(answer, 'data')) as [Buffer];
      expect(first.toString()).toContain('data: 0');
      answer.destroy();
    });

    test('a client that only half ends is let go, and headers beyond measure are told so', async () => {
      const { hostname, port } = new URL(server().url);
      const socket = connect({ port: Number(port), host: hostname, allowHalfOpen: true });
      socket.end(`GET /hang HTTP/1.1\r\nHost: ${hostOf(8080)}\r\n\r\n`);
      await once(socket.resume(), 'end');
      socket.destroy();
      const large = await ask('/', { host: hostOf(8080), 'x-large': 'x'.repeat(40_000) });
      expect(large).toMatchObject({ status: 431, body: { code: 'headers_too_large' } });
    });

    const webSocket = (port: number): Promise<EchoSocket> =>
      openWebSocket(`${server().url}/ws`, hostOf(port));

    test('WebSockets pass in each form, also while the sandbox changes its name', async () => {
      const sockets = [
        await webSocket(8080),
        await openWebSocket(`${server().url}/ports/${id}/8080/ws`),
        await openWebSocket(`${await localUrl(8081)}ws`),
      ];
      const echoAll = (text: string) => Promise.all(sockets.map((socket) => socket.echo(text)));
      expect(await echoAll('first')).toEqual(['first', 'first', 'first']);
      await stand.client.updateSandbox(id, 'renamed');
      expect(await echoAll('again')).toEqual(['again', 'again', 'again']);
      const key = { authorization: `Bearer ${server().apiKey}` };
      expect((await ask('/', { host: hostOf(8080, 'renamed'), ...key })).status).toBe(200);
      expect((await ask('/', { host: hostOf(8080, 'web'), ...key })).status).toBe(404);
      await stand.client.updateSandbox(id, 'web');
      for (const socket of sockets) socket.close();
    });

    test(
      `${LONG ? 1000 : 200} WebSockets at once cost the server little memory each`,
      { timeout: 120_000 },
      async () => {
        const count = LONG ? 1000 : 200;
        const before = readUsage(server().pid).memoryMb;
        const sockets: EchoSocket[] = [];
        for (let opened = 0; opened < count; opened += 50)
          sockets.push(...(await Promise.all(Array.from({ length: 50 }, () => webSocket(8081)))));
        const echoes = await Promise.all(sockets.map((socket, index) => socket.echo(`number ${index}`)));
        expect(echoes).toEqual(sockets.map((_, index) => `number ${index}`));
        const grown = readUsage(server().pid).memoryMb - before;
        expect((grown * 1024) / count, 'kilobytes for each').toBeLessThan(256);
        for (const socket of sockets) socket.close();
      },
    );

    test(
      `${LONG ? 400 : 40} connections at once through a tunnel cost the server little memory each`,
      { timeout: 120_000 },
      async () => {
        const count = LONG ? 400 : 40;
        const before = readUsage(server().pid).memoryMb;
        await using tunnel = await stand.sandbox.createTunnel(8080);
        const sockets = Array.from({ length: count }, () => connect(tunnel.localPort, '127.0.0.1'));
        const heads = sockets.map(async (socket) => {
          socket.write('GET /raw HTTP/1.1\r\nHost: any\r\nConnection: Upgrade\r\nUpgrade: echo/1\r\n\r\n');
          return String((await once(socket, 'data'))[0]);
        });
        for (const head of await Promise.all(heads)) expect(head).toMatch(/^HTTP\/1\.1 101/);
        const echoes = sockets.map(async (socket, index) => {
          socket.write(`number ${index}`);
          return String((await once(socket, 'data'))[0]);
        });
        expect(await Promise.all(echoes)).toEqual(sockets.map((_, index) => `number ${index}`));
        const grown = readUsage(server().pid).memoryMb - before;
        expect(grown, 'megabytes').toBeLessThan(32 + count / 4);
        for (const socket of sockets) socket.destroy();
      },
    );

    test('another upgrade than WebSocket passes as well', async () => {
      const { hostname, port } = new URL(server().url);
      const socket = connect({ port: Number(port), host: hostname });
      socket.write(
        `GET /raw HTTP/1.1\r\nHost: ${hostOf(8080)}\r\nConnection: Upgrade\r\nUpgrade: echo/1\r\n\r\n`,
      );
      const [head] = (await once(socket, 'data')) as [Buffer];
      expect(head.toString()).toMatch(/^HTTP\/1\.1 101[^]*upgrade: echo\/1/i);
      socket.write('plain bytes');
      expect(String((await once(socket, 'data'))[0])).toBe('plain bytes');
      socket.destroy();
    });

    test('a closed port is a refused connection', async () => {
      await stand.client.exposePorts('web', [7999], { allowUnauthenticatedAccess: true });
      const answer = await ask('/', { host: hostOf(7999) });
      expect(answer).toMatchObject({ status: 502, body: { code: 'CONNECTION_REFUSED' } });
      await stand.client.unexposePorts('web', [7999]);
    });

    test('many requests wake a suspended sandbox once, and its local port stays', async () => {
      const local = await localUrl(8080);
      const held = await webSocket(8080);
      await stand.client.suspend('web');
      await held.closed;
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, index) => ask('/', { host: hostOf(8080 + (index % 2)) })),
      );
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
      expect(await localUrl(8080)).toBe(local);
      await stand.client.suspend('web');
      const woken = await webSocket(8080);
      expect((await stand.client.get('web')).status).toBe('running');
      woken.close();
    });

    test('a port that opens after the sandbox has woken is waited for', async () => {
      await stand.client.exposePorts('web', [8090], { allowUnauthenticatedAccess: true });
      await stand.client.suspend('web');
      await stand.serve('127.0.0.1:8090', 1500);
      expect((await ask('/', { host: hostOf(8090) })).status).toBe(200);
    });

    test('who may no longer reach a port is cut off at once', async () => {
      const held = await webSocket(8080);
      const local = await localUrl(8080);
      await stand.client.update('web', { allowUnauthenticatedAccess: false });
      await held.closed;
      expect((await ask('/', { host: hostOf(8080) })).status).toBe(401);
      expect((await call({ url: local }, '/')).status).toBe(401);
      expect((await call({ url: local, apiKey: server().apiKey }, '/')).status).toBe(200);
      const rest = await stand.client.unexposePorts('web', [8080, 8090]);
      expect([rest.exposedPorts, rest.allowUnauthenticatedAccess]).toEqual([[8081], false]);
      await expect(call({ url: local }, '/')).rejects.toThrow('ECONNREFUSED');
    });

    test(
      'exposed ports come with a create, outlive the server and end with the sandbox',
      { timeout: 120_000 },
      async () => {
        const made = await openPortStand(server(), binary, {
          name: 'second',
          exposedPorts: [8080],
          allowUnauthenticatedAccess: true,
        });
        await made.serve('127.0.0.1:8080');
        const [before] = (await made.client.get('second')).portUrls;
        await server().stop();
        await server().restart(['--base-domain', 'atoll.test']);
        const [after] = (
          (await (await server().fetch('/sandboxes/second')).json()) as { port_urls: { local_url: string }[] }
        ).port_urls;
        expect(after?.local_url).toBe(before?.localUrl);
        expect((await call({ url: after?.local_url ?? '' }, '/')).status).toBe(200);
        await server().fetch('/sandboxes/second', { method: 'DELETE' });
        await expect(call({ url: after?.local_url ?? '' }, '/')).rejects.toThrow('ECONNREFUSED');
        expect((await ask('/', { host: hostOf(8080, made.sandbox.sandboxId) })).status).toBe(410);
      },
    );
  },
  { args: ['--base-domain', 'atoll.test'] },
);
