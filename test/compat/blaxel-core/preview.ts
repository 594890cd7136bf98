import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import type { TestServer } from '../../fixtures/server.ts';
import { call } from '../blaxel/calls.ts';
import type { Client, SandboxInstance } from './client.ts';

/** Tells what it was asked for, with the headers that came. */
const ECHO = `exec perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(LocalAddr => "0.0.0.0", LocalPort => 3100, Listen => 5, ReuseAddr => 1) or die; while ($c = $s->accept) { $t = ""; while (($l = <$c>) =~ /\\S/) { $t .= $l } print $c "HTTP/1.1 200 OK\\r\\nContent-Length: ".length($t)."\\r\\nX-Own: app\\r\\nConnection: close\\r\\n\\r\\n$t"; close $c }'`;

/** Previews, their tokens and sessions (wire 1.8), by the unmodified client. */
export function testPreviews(
  server: () => TestServer,
  client: () => Client,
  sandbox: () => SandboxInstance,
): void {
  const previews = () => sandbox().previews;
  const listen = () =>
    sandbox().process.exec({ command: ECHO, name: 'echo', waitForPorts: [3100], timeout: 60 });

  test('a public preview needs no key, and adds its headers both ways', async () => {
    await listen();
    const preview = await previews().create({
      metadata: { name: 'open' },
      spec: {
        port: 3100,
        public: true,
        prefixUrl: 'my-app',
        requestHeaders: { 'X-From': 'preview' },
        responseHeaders: { 'Access-Control-Allow-Origin': 'https://app.example', 'X-Own': 'preview' },
      },
    });
    expect(preview.spec.url).toMatch(new RegExp(`^${server().url}/preview/my-app-[a-z0-9]{16}$`));
    const answer = await fetch(`${preview.spec.url}/path?a=1`);
    expect([answer.status, answer.headers.get('x-own')]).toEqual([200, 'preview']);
    expect(answer.headers.get('access-control-allow-origin')).toBe('https://app.example');
    expect(answer.headers.get('content-security-policy')).toContain('sandbox');
    expect(await answer.text()).toMatch(/^GET \/path\?a=1 HTTP[^]*x-from: preview/i);
    const asked = await fetch(preview.spec.url, {
      method: 'OPTIONS',
      headers: { origin: 'https://app.example', 'access-control-request-method': 'PUT' },
    });
    expect([asked.status, asked.headers.get('x-own')]).toEqual([204, 'preview']);
    const again = await previews().createIfNotExists({ metadata: { name: 'open' }, spec: { port: 1 } });
    expect(again.spec).toMatchObject({ port: 3100, url: preview.spec.url });
    await expect(previews().create({ metadata: { name: 'open' }, spec: { port: 1 } })).rejects.toMatchObject({
      code: 409,
    });
    const other = await previews().create(
      { metadata: { name: 'open' }, spec: { port: 3101, public: true } },
      true,
    );
    expect((await fetch(other.spec.url)).status).toBe(502);
    await previews().delete('open');
    expect((await fetch(preview.spec.url)).status).toBe(404);
    const anew = await previews().create({
      metadata: { name: 'open' },
      spec: { port: 3100, prefixUrl: 'my-app' },
    });
    expect(anew.spec.url).toBe(preview.spec.url);
    expect((await previews().list()).map(({ name }) => name)).toEqual(['open']);
    await previews().delete('open');
  });

  test('a private preview opens to a token, in a header, the query or a cookie, and to no key', async () => {
    const { spec, tokens } = await previews().create({ metadata: { name: 'closed' }, spec: { port: 3100 } });
    const statusOf = async (headers: Record<string, string>, query = ''): Promise<number> =>
      (await fetch(`${spec.url}/${query}`, { headers })).status;
    const token = await tokens.create(new Date(Date.now() + 600_000));
    expect(token.value).toMatch(/^[\w-]+$/);
    const byKey = { authorization: `Bearer ${server().apiKey}` };
    expect(await Promise.all([statusOf({}), statusOf(byKey), statusOf({}, '?bl_preview_token=x')])).toEqual([
      401, 401, 401,
    ]);
    const byHeader = { 'x-blaxel-preview-token': token.value };
    expect(await statusOf(byHeader)).toBe(200);
    const page = await fetch(`${spec.url}/?a=1&bl_preview_token=${token.value}&b=2`);
    expect(await page.text()).toMatch(/^GET \/\?a=1&b=2 HTTP/);
    const cookie = page.headers.get('set-cookie') ?? '';
    expect(cookie).toContain(`Path=${new URL(spec.url).pathname}; HttpOnly; SameSite=Lax`);
    expect(await statusOf({ cookie: cookie.split(';')[0] ?? '' })).toBe(200);
    const past = await tokens.create(new Date(Date.now() - 1000));
    expect([past.expired, await statusOf({ 'x-blaxel-preview-token': past.value })]).toEqual([true, 401]);
    expect(await tokens.list()).toHaveLength(2);
    await tokens.delete(token.value);
    expect(await statusOf(byHeader)).toBe(401);
    await previews().delete('closed');
  });

  test('a preview has a host of its own, where a token is a cookie of that host alone', async () => {
    const { spec, tokens } = await previews().create({
      metadata: { name: 'hosted' },
      spec: { port: 3100, prefixUrl: 'my' },
    });
    const { value } = await tokens.create(new Date(Date.now() + 600_000));
    const host = `my-preview-${spec.url.slice(-16)}.localhost`;
    const answer = await rawGet(server().url, `/x?bl_preview_token=${value}`, { host, cookie: 'own=1' });
    expect(answer).toMatch(/^HTTP\/1.1 200[^]*set-cookie: bl_preview_token=[\w-]+; Path=\/; HttpOnly/i);
    expect(answer).toMatch(/GET \/x HTTP[^]*cookie: own=1/i);
    const back = await rawGet(server().url, '/', { host, cookie: `own=1; bl_preview_token=${value}` });
    expect(back).toMatch(/^HTTP\/1.1 200/);
    expect(back.toLowerCase()).not.toContain(`bl_preview_token=${value.toLowerCase()}`);
    await previews().delete('hosted');
  });

  test('a session lets a program use the sandbox without a key', async () => {
    const session = await sandbox().sessions.create();
    const guest = await client().fromSession(session);
    const done = await guest.process.exec({ command: 'echo $GREETING', waitForCompletion: true });
    expect(done.stdout).toBe('hello\n');
    expect((await guest.fs.ls('/')).subdirectories.map(({ name }) => name)).toContain('etc');
    expect((await fetch(`${session.url}/process`)).status).toBe(401);
    const path = `/v0/sandboxes/shared/previews/${session.name}`;
    expect((await call(server(), 'DELETE', path)).status).toBe(200);
    await expect(guest.process.list()).rejects.toBeDefined();
  });

  test.each([
    ['of the agent', { port: 9501, public: true }],
    ['of the API, in public', { port: 443, public: true }],
    ['with a prefix that no host has', { port: 3100, prefixUrl: 'a_b' }],
    ['that frames answers anew', { port: 3100, responseHeaders: { 'Content-Length': '5' } }],
    ['with a line end in a header', { port: 3100, requestHeaders: { 'X-A': 'a\r\nx-b: c' } }],
    ['with a time without a unit', { port: 3100, ttl: '5' }],
    ['for a domain of its own', { port: 3100, customDomain: 'app.example' }],
  ])('a preview %s is refused', async (_what, spec) => {
    const body = { metadata: { name: 'bad' }, spec };
    expect((await call(server(), 'POST', '/v0/sandboxes/shared/previews', body)).status).toBe(400);
  });

  test('previews go over to the sandbox that takes the place of another one', async () => {
    const runtime = { image: 'debian-minimal', memory: 512 };
    await client().create({ name: 'passed-on', ...runtime });
    const path = '/v0/sandboxes/passed-on/previews';
    await call(server(), 'POST', path, { metadata: { name: 'p' }, spec: { port: 3100, public: true } });
    const envs = [{ name: 'A', value: '1' }];
    const put = { metadata: { name: 'passed-on' }, spec: { runtime: { ...runtime, envs } } };
    expect((await call(server(), 'PUT', '/v0/sandboxes/passed-on', put)).status).toBe(200);
    expect((await call(server(), 'GET', `${path}/p`)).status).toBe(200);
    await client().delete('passed-on');
    expect((await call(server(), 'GET', `${path}/p`)).status).toBe(404);
  });
}

/** `fetch` sets its own Host. */
async function rawGet(url: string, path: string, headers: Record<string, string>): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  socket.write([`GET ${path} HTTP/1.1`, ...lines, 'connection: close', '', ''].join('\r\n'));
  return text(socket);
}
