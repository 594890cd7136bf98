import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runCli } from '../../fixtures/run-cli.ts';
import { tempDir } from '../../fixtures/temp-dir.ts';
import type { TestServer } from '../../fixtures/server.ts';
import { call, IMAGE } from './calls.ts';

/** The program under the name `bl`: from a new project to an image, a sandbox, and their end. */
export function testBl(server: () => TestServer): void {
  const blWith = (env: Record<string, string>, ...args: string[]) =>
    runCli(args, {
      env: { ATOLL_PROGRAM: 'bl', BL_API_URL: `${server().url}/v0`, BL_WORKSPACE: 'default', ...env },
    });
  const bl = (...args: string[]) => blWith({ BL_API_KEY: server().apiKey }, ...args);
  const said = async (...args: string[]): Promise<string> => {
    const { exitCode, stdout, stderr } = await bl(...args);
    expect([args, exitCode, stderr]).toEqual([args, 0, expect.anything()]);
    return stdout;
  };

  // Each line is a program of its own, and there are thirty.
  test('a project is made, pushed, deployed, used and deleted', { timeout: 300_000 }, async () => {
    const dir = join(await tempDir(), 'mytemplate');
    expect(await said('new', 'sandbox', dir)).toBe(`${dir}\n`);
    expect(await readFile(join(dir, 'blaxel.toml'), 'utf8')).toContain('name = "mytemplate"');
    expect((await bl('new', 'sandbox', dir)).exitCode).toBe(1);
    // What stands in for Alpine, whose packages cannot be had everywhere.
    const dockerfile = await readFile(join(dir, 'Dockerfile'), 'utf8');
    const [api] = /^COPY --from.*$/m.exec(dockerfile) ?? [];
    const lines = [`FROM ${IMAGE}`, 'ARG WORD', api, 'COPY . /app', 'RUN echo $WORD > /word', ''];
    await writeFile(join(dir, 'Dockerfile'), lines.join('\n'));
    await writeFile(join(dir, '.env.build'), 'WORD=given\n');
    const pushed = await bl('push', '-d', dir);
    expect([pushed.exitCode, pushed.stdout.split('\n').at(-2)]).toEqual([0, 'sandbox/mytemplate:latest']);
    expect(pushed.stderr).toContain('Image sandbox/mytemplate built and pushed successfully!');
    const newest = await said('get', 'image', 'sandbox/mytemplate', '--latest');
    expect(newest).toMatch(/^sandbox\/mytemplate:\w+\n$/);
    expect(await said('get', 'images')).toContain('sandbox/mytemplate\tBUILT');
    expect(await said('logs', 'image', 'mytemplate')).toContain('echo $WORD');
    expect(await said('deploy', '-d', dir, '--skip-build', '-s', 'TOKEN=hidden')).toBe('mytemplate\n');
    expect(await said('get', 'sandbox', 'mytemplate', '--watch')).toBe('DEPLOYED\n');
    const shown = await said('get', 'sandbox', 'mytemplate', '-o', 'yaml');
    expect(shown).toMatch(/^ {2}name: mytemplate$/m);
    expect(shown).not.toContain('hidden');
    const body = JSON.stringify({
      command: 'cat /word; echo $TOKEN $NODE_ENV',
      waitForCompletion: true,
      name: 'one',
    });
    const run = await said('run', 'sandbox', 'mytemplate', '--path', '/process', '-d', body);
    expect(JSON.parse(run)).toMatchObject({ stdout: 'given\nhidden development\n' });
    expect(await said('logs', 'sandbox', 'mytemplate', 'one')).toContain('given');
    const declared = join(dir, 'sandbox.yaml');
    const changed = shown.replace(/^ {2}labels:$/m, '  labels:\n    x: "y"');
    await writeFile(declared, `# the second document is empty\n${changed}---\n`);
    expect(await said('apply', '-f', declared)).toBe('Sandbox mytemplate applied\n');
    expect(await said('get', 'sandbox', 'mytemplate', '-o', 'yaml')).toMatch(/^ {4}x: "y"$/m);
    expect(await said('fork', 'mytemplate', 'copied')).toBe('copied\n');
    expect(await said('get', 'sandboxes')).toMatch(/^copied\tDEPLOYED/m);
    expect((await bl('fork', 'mytemplate', 'copied')).stderr).toContain('copied');
    for (const name of ['copied', 'mytemplate'])
      expect(await said('delete', 'sandbox', name)).toBe(`Sandbox ${name} deleted\n`);
    const partner = { targetWorkspace: 'partner' };
    await call(server(), 'POST', '/v1/workspaces', { name: 'partner' });
    expect(await said('share', 'image', 'sandbox/mytemplate', '-w', partner.targetWorkspace)).toBe(
      'Image sandbox/mytemplate shared with workspace partner\n',
    );
    expect((await bl('delete', 'image', 'sandbox/mytemplate')).stderr).toContain('shared with partner');
    const tagged = await bl('share', 'image', 'sandbox/mytemplate:v1', '-w', 'partner');
    expect([tagged.exitCode, tagged.stderr]).toEqual([2, expect.stringContaining("remove ':v1'")]);
    expect(await said('unshare', 'image', 'sandbox/mytemplate', '--workspace', 'partner')).toBe(
      'Image sandbox/mytemplate unshared from workspace partner\n',
    );
    expect(await said('delete', 'image', 'sandbox/mytemplate')).toBe(
      'Image sandbox/mytemplate deleted (all tags)\n',
    );
    expect(await said('token')).toBe(`${server().apiKey}\n`);
  });
  test('credentials of a service account stand for a key', async () => {
    const account = { name: 'ci', role: 'viewer' };
    const { body } = await call(server(), 'POST', '/v0/service_accounts', account);
    const { client_id: id, client_secret: secret } = body as Record<string, string>; // by the protocol
    const pairOf = (password?: string) => Buffer.from(`${id}:${password}`).toString('base64');
    const found = await blWith({ BL_CLIENT_CREDENTIALS: pairOf(secret) }, 'get', 'workspaces', '-o', 'json');
    expect(found.stdout, found.stderr).toContain('"name": "default"');
    const wrong = await blWith({ BL_CLIENT_CREDENTIALS: pairOf('wrong') }, 'get', 'workspaces');
    expect([wrong.exitCode, wrong.stdout]).toEqual([expect.toSatisfy((code) => code !== 0), '']);
  });
}
