import { createHash, randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import type { TestServer } from '../../fixtures/server.ts';
import type { SandboxInstance } from './client.ts';

/** `sandbox.fs` of the published client, and the paths that it does not build itself. */
export function testFiles(server: () => TestServer, sandbox: () => SandboxInstance): void {
  const run = async (command: string): Promise<string> =>
    (await sandbox().process.exec({ command, waitForCompletion: true })).stdout;
  /** The path goes out as it is written here: fetch leaves encoded slashes alone. */
  const call = (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) =>
    fetch(`${sandbox().metadata.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${server().apiKey}`, 'content-type': 'application/json', ...headers },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });

  test('a text is written, read, copied, listed and removed', async () => {
    await sandbox().fs.write('/tmp/text/a.txt', 'grüße\n');
    expect(await sandbox().fs.read('/tmp/text/a.txt')).toBe('grüße\n');
    await sandbox().fs.mkdir('/tmp/text/sub');
    await sandbox().fs.cp('/tmp/text/a.txt', '/tmp/text/b.txt');
    const listing = await sandbox().fs.ls('/tmp/text');
    expect(listing.files.map(({ name, permissions }) => [name, permissions])).toEqual([
      ['a.txt', '644'],
      ['b.txt', '644'],
    ]);
    expect(listing.subdirectories.map(({ name }) => name)).toEqual(['sub']);
    await expect(sandbox().fs.rm('/tmp/text')).rejects.toThrow('422');
    await sandbox().fs.rm('/tmp/text', true);
    await expect(sandbox().fs.ls('/tmp/text')).rejects.toThrow('file or directory not found');
  });

  test('bytes are written and read as they are, in one piece or in parts sent at once', async () => {
    for (const size of [70_000, 11 * 2 ** 20]) {
      const bytes = randomBytes(size);
      await sandbox().fs.writeBinary('/tmp/bytes', bytes);
      const digest = createHash('sha256').update(bytes).digest('hex');
      expect(await run('sha256sum < /tmp/bytes')).toBe(`${digest}  -\n`);
      const back = Buffer.from(await (await sandbox().fs.readBinary('/tmp/bytes')).arrayBuffer());
      expect(createHash('sha256').update(back).digest('hex')).toBe(digest);
    }
    const uploads = await call('GET', '/filesystem-multipart');
    expect(await uploads.json()).toEqual({ uploads: [] });
    expect(await run('ls -A /tmp | grep -c atoll-parts || true')).toBe('0\n');
  });

  test('a tree is written below a folder', async () => {
    const files = [
      { path: 'a/b.txt', content: '1' },
      { path: 'c.txt', content: '2' },
    ];
    await sandbox().fs.writeTree(files, '/tmp/tree');
    expect(await run('cd /tmp/tree && cat a/b.txt c.txt')).toBe('12');
    const escape = await call('PUT', '/filesystem/tree/%2Ftmp%2Ftree', { files: { '../out': 'x' } });
    expect(escape.status).toBe(400);
  });

  test.each([
    ['%2Ftmp%2Fencoded', '/tmp/encoded'],
    ['/tmp/doubled', '/tmp/doubled'],
    ['tmp%2Finside', '/tmp/inside'],
  ])('the path %s as it is sent is %s', async (sent, path) => {
    const put = await call('PUT', `/filesystem/${sent}`, { content: path, permissions: '0600' });
    expect(await put.json()).toEqual({ path, message: 'File created/updated successfully' });
    expect(await run(`cat ${path}; stat -c ' %a' ${path}`)).toBe(`${path} 600\n`);
  });

  test('a path without an encoded slash begins at the working directory', async () => {
    const put = await call('PUT', '/filesystem/here/a.txt', { content: 'relative' });
    expect(put.status).toBe(200);
    expect(await run('cat here/a.txt')).toBe('relative');
  });

  test('what the wire has answers for: kinds of bodies, downloads, bad permissions, paths that lead out', async () => {
    await sandbox().fs.write('/tmp/kinds', 'text');
    const json = await call('GET', '/filesystem/%2Ftmp%2Fkinds', undefined, { accept: 'application/json' });
    expect(await json.json()).toMatchObject({ path: '/tmp/kinds', name: 'kinds', size: 4, content: 'text' });
    expect(json.headers.get('cache-control')).toBe('no-cache, no-store, must-revalidate');
    const raw = await call('GET', '/filesystem/%2Ftmp%2Fkinds?download=true');
    expect([await raw.text(), raw.headers.get('content-disposition')]).toEqual([
      'text',
      'attachment; filename=kinds',
    ]);
    const mode = await call('PUT', '/filesystem/%2Ftmp%2Fkinds', { content: '', permissions: 'rwx' });
    expect([mode.status, await mode.json()]).toEqual([400, { error: expect.stringContaining('octal') }]);
    const out = await call('GET', '/filesystem/%2Ftmp%2F..%2Fetc%2Fpasswd');
    expect(out.status).toBe(400);
    const head = await call('HEAD', '/filesystem/%2Ftmp');
    expect([head.status, await head.text()]).toEqual([200, '']);
    expect((await call('GET', '/nothing')).status).toBe(404);
  });

  test('a part that did not come, and an upload that nobody knows, are refused', async () => {
    const begun = await call('POST', '/filesystem-multipart/initiate/%2Ftmp%2Fparts', {});
    const { uploadId } = (await begun.json()) as { uploadId: string }; // by the wire
    const complete = await call('POST', `/filesystem-multipart/${uploadId}/complete`, {
      parts: [{ partNumber: 1, etag: 'x' }],
    });
    expect(complete.status).toBe(400);
    expect((await call('DELETE', `/filesystem-multipart/${uploadId}/abort`)).status).toBe(200);
    expect((await call('GET', `/filesystem-multipart/${uploadId}/parts`)).status).toBe(404);
  });

  test('the gateway speaks for itself in its own words', async () => {
    const stranger = await call('GET', '/process', undefined, { authorization: 'Bearer nobody' });
    expect([stranger.status, stranger.headers.get('x-blaxel-source')]).toEqual([401, 'platform']);
    expect(await stranger.json()).toMatchObject({
      error: { code: 'AUTHENTICATION_REQUIRED', origin: 'platform' },
    });
    const missing = await fetch(`${server().url}/default/sandboxes/nobody/process`, {
      headers: { authorization: `Bearer ${server().apiKey}` },
    });
    expect(missing.headers.get('x-blaxel-error-code')).toBe('WORKLOAD_NOT_FOUND');
    const elsewhere = await fetch(`${server().url}/other/sandboxes/shared/process`, {
      headers: { authorization: `Bearer ${server().apiKey}` },
    });
    expect(elsewhere.status).toBe(404);
    expect(await (await call('GET', '/health')).json()).toMatchObject({ status: 'ok' });
  });
}
