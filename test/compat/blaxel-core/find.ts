import { beforeAll, expect, test } from 'vitest';
import type { TestServer } from '../../fixtures/server.ts';
import type { SandboxInstance } from './client.ts';

const FOLDER = '/tmp/look';

/** What `sandbox.fs` of the published client finds, and what it is told of changes. */
export function testFinding(server: () => TestServer, sandbox: () => SandboxInstance): void {
  const call = (path: string) =>
    fetch(`${sandbox().metadata.url}${path}`, { headers: { authorization: `Bearer ${server().apiKey}` } });

  beforeAll(async () => {
    const files = {
      'src/main-window.ts': 'one\nconst Needle = 1; // needle\n',
      'src/random.ts': 'nothing',
      'other/mw.txt': 'a needle',
      'node_modules/x/index.ts': 'needle',
      '.hidden/a.ts': 'needle',
    };
    const entries = Object.entries(files).map(([path, content]) => ({ path, content }));
    await sandbox().fs.writeTree(entries, FOLDER);
  });

  test('find has files by patterns, below the folder, without hidden and installed ones', async () => {
    const found = await sandbox().fs.find(FOLDER, { type: 'file', patterns: ['*.ts', '*.js'] });
    expect(found).toEqual({
      matches: [
        { path: 'src/main-window.ts', type: 'file' },
        { path: 'src/random.ts', type: 'file' },
      ],
      total: 2,
    });
    const all = await sandbox().fs.find(FOLDER, {
      patterns: ['*.ts'],
      excludeDirs: ['src'],
      excludeHidden: false,
    });
    expect(all.matches?.map(({ path }) => path)).toEqual(['.hidden/a.ts', 'node_modules/x/index.ts']);
    const folders = await sandbox().fs.find(FOLDER, { type: 'directory', maxResults: 1 });
    expect(folders).toEqual({ matches: [{ path: 'other', type: 'directory' }], total: 1 });
    expect((await call('/filesystem-find/%2Ftmp%2Flook?type=socket')).status).toBe(400);
    expect((await call('/filesystem-find/%2Ftmp%2Fnowhere')).status).toBe(404);
  });

  test('a content search is literal, has one hit a line, and says null for none', async () => {
    const found = await sandbox().fs.grep('needle', FOLDER);
    expect(found).toEqual({
      query: 'needle',
      total: 3,
      matches: [
        { path: '.hidden/a.ts', line: 1, column: 1, text: 'needle', context: '' },
        { path: 'other/mw.txt', line: 1, column: 3, text: 'a needle', context: '' },
        { path: 'src/main-window.ts', line: 2, column: 7, text: 'const Needle = 1; // needle', context: '' },
      ],
    });
    const exact = await sandbox().fs.grep('needle', FOLDER, {
      caseSensitive: true,
      filePattern: '*.ts',
      maxResults: 5,
    });
    expect(exact.matches?.map(({ path, column }) => [path, column])).toEqual([
      ['.hidden/a.ts', 1],
      ['src/main-window.ts', 22],
    ]);
    expect(await sandbox().fs.grep('n.edle', FOLDER)).toEqual({ query: 'n.edle', total: 0, matches: null });
    expect((await call('/filesystem-content-search/%2Ftmp%2Flook')).status).toBe(400);
  });

  test('a fuzzy search takes the query from the end of the path', async () => {
    const found = await sandbox().fs.search('', `${FOLDER}/mw`, { maxResults: 3 });
    expect(found.matches?.map(({ path }) => path)).toEqual(['other/mw.txt', 'src/main-window.ts']);
    const all = await sandbox().fs.search('', FOLDER, { maxResults: 1 });
    expect([all.total, all.matches?.length]).toEqual([5, 1]);
  });

  test('a watch tells what happens below a folder, but what it is to ignore', async () => {
    const told: string[] = [];
    const watch = sandbox().fs.watch(
      `${FOLDER}/**`,
      ({ op, name, path, content }) => void told.push([op, `${path}/${name}`, content].join(' ').trim()),
      { ignore: ['node_modules'], withContent: true },
    );
    // The watch says nothing when it stands: what is written before goes untold.
    await expect
      .poll(
        async () => {
          await sandbox().fs.write(`${FOLDER}/node_modules/ignored`, 'x');
          await sandbox().fs.write(`${FOLDER}/src/told.ts`, 'content');
          return told;
        },
        { timeout: 30_000, interval: 500 },
      )
      .toContainEqual(expect.stringMatching(/^(CREATE|WRITE) \/tmp\/look\/src\/told.ts content$/));
    await sandbox().fs.rm(`${FOLDER}/src/told.ts`);
    await expect.poll(() => told, { timeout: 30_000 }).toContain('REMOVE /tmp/look/src/told.ts');
    expect(told.filter((line) => line.includes('node_modules'))).toEqual([]);
    watch.close();
  });

  test('a process is waited for until it, and not another one, listens', async () => {
    const serve = (port: number) => `exec python3 -m http.server ${port}`;
    const other = await sandbox().process.exec({
      command: serve(4801),
      name: 'other-port',
      waitForPorts: [4801],
    });
    const late = sandbox().process.exec({
      command: 'sleep 30',
      name: 'no-port',
      waitForPorts: [4801],
      timeout: 1,
    });
    await expect(late).rejects.toThrow('process timed out after 1 seconds');
    const nested = await sandbox().process.exec({
      command: `sh -c '${serve(4802)}' & wait`,
      name: 'nested-port',
      waitForPorts: [4802],
      timeout: 60,
    });
    const answer = await call(`/network/process/${nested.pid}/ports`);
    expect(await answer.json()).toEqual({
      pid: Number(nested.pid),
      ports: [
        expect.objectContaining({ localPort: 4802, state: 'LISTEN', protocol: 'tcp', localAddr: '0.0.0.0' }),
      ],
    });
    for (const name of [other.name, 'no-port', nested.name]) await sandbox().process.kill(name);
  });

  test('a monitor tells a callback of ports that a process opens', async () => {
    const listen =
      "timeout 60 python3 -c \"import http.server as h\\nclass C(h.BaseHTTPRequestHandler):\\n def do_POST(s): print(s.rfile.read(int(s.headers['content-length'])).decode(), flush=True); s.send_response(204); s.end_headers()\\nh.HTTPServer(('', 4803), C).serve_forever()\"";
    await sandbox().process.exec({
      command: listen.replaceAll('\\n', '\n'),
      name: 'callback',
      waitForPorts: [4803],
      timeout: 60,
    });
    const late = 'sleep 1; exec python3 -m http.server 4804';
    const { pid } = await sandbox().process.exec({ command: late, name: 'opens-late' });
    const monitor = (method: string, body?: object) =>
      fetch(`${sandbox().metadata.url}/network/process/${pid}/monitor`, {
        method,
        headers: { authorization: `Bearer ${server().apiKey}`, 'content-type': 'application/json' },
        ...(body && { body: JSON.stringify(body) }),
      });
    expect((await monitor('POST', { callback: 'file:///etc/passwd' })).status).toBe(400);
    const begun = await monitor('POST', { callback: 'http://127.0.0.1:4803/' });
    expect(await begun.json()).toEqual({ message: 'Port monitoring started' });
    await expect
      .poll(() => sandbox().process.logs('callback', 'stdout'), { timeout: 30_000 })
      .toBe(`{"pid":${pid},"port":4804}\n`);
    expect(await (await monitor('DELETE')).json()).toEqual({ message: 'Port monitoring stopped' });
    for (const name of ['callback', 'opens-late']) await sandbox().process.kill(name);
  });
}
