import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { blaxelImage } from '@atoll/protocol';
import type { BlaxelSandbox } from '@atoll/protocol';
import type { TestServer } from '../../fixtures/server.ts';
import { folderOf, zipFolder, zipOf } from '../../fixtures/zip.ts';
import { readGuide } from '../blaxel-guide/blocks.ts';
import { call, create, declarationOf, get, IMAGE } from './calls.ts';

/** What a client that uploads declares: no image, which it makes. */
const uploaded = (name: string, envs: object[] = []) => ({
  metadata: { name, labels: { 'x-blaxel-auto-generated': 'true' } },
  spec: { runtime: { memory: 512, envs, ports: [{ target: 3000, protocol: 'HTTP' }] } },
});

async function run(command: string, args: string[], cwd: string, env: NodeJS.ProcessEnv = process.env) {
  const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'inherit'] });
  const [output] = await Promise.all([text(child.stdout), once(child, 'close')]);
  return { code: child.exitCode, output };
}

const send = (url: string, body: Buffer): Promise<Response> =>
  fetch(url, {
    method: 'PUT',
    headers: { 'content-type': 'application/zip' },
    body: new Uint8Array(body),
  });

/** Images that are built of what clients upload (wire 1.7). */
export function testUploads(server: () => TestServer): void {
  const urlOf = ({ status, body, headers }: Awaited<ReturnType<typeof call>>): string => {
    expect([status, body]).toEqual([200, expect.anything()]);
    return headers.get('x-blaxel-upload-url') ?? '';
  };
  const begin = async (name: string, method = 'POST', envs: object[] = []): Promise<string> =>
    urlOf(
      await call(
        server(),
        method,
        `/v0/sandboxes${method === 'PUT' ? `/${name}` : ''}?upload=true`,
        uploaded(name, envs),
      ),
    );
  /** All statuses that a client sees which asks again and again. */
  const follow = async (name: string): Promise<{ seen: string[]; last: BlaxelSandbox }> => {
    const seen: string[] = [];
    for (;;) {
      const last = await get(server(), name);
      if (seen.at(-1) !== last.status) seen.push(last.status);
      if (last.status === 'DEPLOYED' || last.status === 'FAILED') return { seen, last };
      await delay(50);
    }
  };
  const end = (name: string) => call(server(), 'DELETE', `/v0/sandboxes/${name}`);

  test('what is uploaded becomes an image and a sandbox on it', async () => {
    const url = await begin('uploaded', 'POST', [{ name: 'GREETING', value: 'hello' }]);
    expect(url).toMatch(new RegExp(`^${server().url}/v0/uploads/[\\w-]{40,}$`));
    expect((await get(server(), 'uploaded')).status).toBe('UPLOADING');
    const image = await call(server(), 'GET', '/v0/images/sandbox/uploaded');
    expect(blaxelImage.parse(image.body).metadata.status).toBe('UPLOADING');
    const zip = await zipOf({
      // The first and the last layer for `/again` are the same one.
      Dockerfile: `FROM ${IMAGE}\nARG WORD\nCOPY run.sh /again\nRUN rm /again\nCOPY . /app\nRUN echo $WORD > /word\nCOPY run.sh /again\n`,
      'run.sh': '#!/bin/sh\n',
      '.env.build': 'WORD=given\n',
      '.docker/config.json': '{"auths":{}}',
      '.dockerignore': 'secret\n**/*.log\n',
      secret: 'for nobody',
      'logs/a.log': 'for nobody',
    });
    expect((await send(url, zip)).status).toBe(200);
    const { seen, last } = await follow('uploaded');
    expect([last.status, last.events.at(-1)?.message, seen]).toEqual([
      'DEPLOYED',
      undefined,
      expect.arrayContaining(['BUILDING']),
    ]);
    expect(last.spec.runtime?.image).toMatch(/^sandbox\/uploaded:\w+$/);
    const command = 'cat /word /again; ls -A /app /app/logs; echo $GREETING';
    const done = await call(server(), 'POST', '/default/sandboxes/uploaded/process', {
      command,
      waitForCompletion: true,
    });
    expect(done.body).toMatchObject({
      stdout:
        'given\n#!/bin/sh\n/app:\n.docker\n.dockerignore\nDockerfile\nlogs\nrun.sh\n\n/app/logs:\nhello\n',
    });
    const built = blaxelImage.parse((await call(server(), 'GET', '/v0/images/sandbox/uploaded')).body);
    expect([built.metadata.status, built.spec.tags.length]).toEqual(['BUILT', 2]);
    const logs = await call(server(), 'GET', '/v0/sandboxes/uploaded/build-logs');
    expect(logs.body).toContain('echo $WORD');
    const query = 'resourceType=sandboxes&type=all&severity=all,INFO&limit=1000&offset=0';
    const listed = await call(server(), 'GET', `/v0/observability/logs?${query}&workloadIds=uploaded,other`);
    expect(listed.body).toMatchObject({
      uploaded: { logs: expect.arrayContaining([expect.objectContaining({ severity: 'INFO' })]) as unknown },
      other: { logs: [], totalCount: 0 },
    });
    expect((await send(url, zip)).status).toBe(404);
    await end('uploaded');
  });

  test('a sandbox goes on until what is uploaded takes its place', async () => {
    await create(server(), 'redeployed');
    expect((await call(server(), 'POST', '/v0/sandboxes?upload=true', uploaded('redeployed'))).status).toBe(
      409,
    );
    const first = await begin('redeployed', 'PUT');
    const second = await begin('redeployed', 'PUT');
    const zip = await zipOf({ Dockerfile: `FROM ${IMAGE}\nRUN echo second > /which\n` });
    expect((await send(first, zip)).status).toBe(404);
    const shown = await get(server(), 'redeployed');
    expect(shown.status).toBe('UPLOADING');
    const plain = declarationOf('redeployed');
    expect((await call(server(), 'PUT', '/v0/sandboxes/redeployed', plain)).status).toBe(409);
    expect((await send(second, zip)).status).toBe(200);
    expect((await follow('redeployed')).last.status).toBe('DEPLOYED');
    await end('redeployed');
    expect((await get(server(), 'redeployed')).status).toBe('TERMINATED');
  });

  test('of parallel creates of one name one gets an upload URL', async () => {
    const post = () => call(server(), 'POST', '/v0/sandboxes?upload=true', uploaded('parallel'));
    const answers = await Promise.all([post(), post(), post()]);
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 409, 409]);
    await end('parallel');
    expect(
      (await call(server(), 'PUT', '/v0/sandboxes/parallel?upload=true', uploaded('parallel'))).status,
    ).toBe(404);
  });

  test.each([
    ['no Dockerfile', () => zipOf({ 'README.md': 'nothing to build' }), 'Dockerfile'],
    ['a Dockerfile that fails', () => zipOf({ Dockerfile: `FROM ${IMAGE}\nRUN exit 3\n` }), 'exit'],
  ])('an upload with %s fails, and says why', async (_what, zip, why) => {
    const url = await begin('failing');
    expect((await send(url, await zip())).status).toBe(200);
    const { last } = await follow('failing');
    expect(last.status).toBe('FAILED');
    expect(last.events.at(-1)?.message).toContain(why);
    const logs = await call(server(), 'GET', '/v0/sandboxes/failing/build-logs');
    expect(logs.body).toContain(why);
    // What failed before must not end the wait of who begins again.
    await begin('failing');
    expect((await get(server(), 'failing')).status).toBe('UPLOADING');
    await end('failing');
    expect((await call(server(), 'GET', '/v0/sandboxes/failing')).status).toBe(404);
  });

  test.each([
    [
      'climbs out',
      'UEsDBBQAAAAAAH23dl2DFtyMAQAAAAEAAAAGAAAALi4vb3V0eFBLAQIUAxQAAAAAAH23dl2DFtyMAQAAAAEAAAAGAAAAAAAAAAAAAACAAQAAAAAuLi9vdXRQSwUGAAAAAAEAAQA0AAAAJQAAAAAA',
    ],
    ['is none', Buffer.from('PK\u0003\u0004 and no more').toString('base64')],
  ])('an archive that %s is refused', async (_what, base64) => {
    const url = await begin('hostile');
    const answer = await send(url, Buffer.from(base64, 'base64'));
    expect([answer.status, await answer.json()]).toEqual([400, expect.objectContaining({ code: 400 })]);
    expect((await follow('hostile')).last.status).toBe('FAILED');
    await end('hostile');
  });

  test('a ZIP bomb meets the limit of the disk of its build', async () => {
    const body = JSON.stringify({ context: true, builderDiskMb: 64 });
    const begun = await server().fetch('/v1/builds', { method: 'POST', body });
    const { id } = (await begun.json()) as { id: string }; // by the protocol
    const dir = await folderOf({ Dockerfile: 'FROM scratch\n', zeros: '' });
    await truncate(join(dir, 'zeros'), 200 * 1024 * 1024);
    const zip = await zipFolder(dir);
    expect(zip.length).toBeLessThan(1_000_000);
    const answer = await server().fetch(`/v1/builds/${id}/context`, {
      method: 'PUT',
      body: new Uint8Array(zip),
    });
    expect([answer.status, await answer.json()]).toEqual([
      400,
      expect.objectContaining({ code: 'limit_exceeded' }),
    ]);
  });

  test('an image alone is built and named', async () => {
    const body = { name: 'pushed', resourceType: 'sandbox' };
    const url = urlOf(await call(server(), 'POST', '/v0/images?upload=true', body));
    expect((await send(url, await zipOf({ Dockerfile: `FROM ${IMAGE}\n` }))).status).toBe(200);
    const statusOf = async (): Promise<string> =>
      blaxelImage.parse((await call(server(), 'GET', '/v0/images/sandbox/pushed')).body).metadata.status;
    await expect.poll(statusOf, { timeout: 60_000 }).toBe('BUILT');
    urlOf(await call(server(), 'POST', '/v0/images?upload=true', body));
    expect(await statusOf()).toBe('UPLOADING');
    const other = urlOf(await call(server(), 'POST', '/v0/images?upload=true', body));
    expect((await send(other, await zipOf({ Dockerfile: `FROM ${IMAGE}\n` }))).status).toBe(200);
    await expect.poll(statusOf, { timeout: 60_000 }).toBe('BUILT');
    const again = await call(server(), 'POST', '/v0/images?skip-build=true', body);
    expect([again.status, again.body]).toEqual([
      200,
      expect.objectContaining({ image: 'sandbox/pushed:latest', build: false }),
    ]);
    const unbuilt = { ...body, name: 'never-pushed' };
    expect((await call(server(), 'POST', '/v0/images?skip-build=true', unbuilt)).status).toBe(404);
    const made = await create(server(), 'on-pushed', { image: 'sandbox/pushed:latest' });
    expect(made.status).toBe('DEPLOYED');
    expect((await call(server(), 'GET', '/v0/sandboxes/pushed')).status).toBe(404);
    await end('on-pushed');
    const nothing = await call(server(), 'POST', '/v0/images', body);
    expect(nothing.status).toBe(400);
  });

  test('the documented script deploys a folder', async () => {
    const dir = await folderOf({ 'mytemplate/Dockerfile': `FROM ${IMAGE}\nRUN echo scripted > /made\n` });
    const script = (await readGuide()).take(61, [['https://api.blaxel.ai', server().url]]);
    const env = { ...process.env, BL_API_KEY: server().apiKey, BL_WORKSPACE: 'default', TMPDIR: dir };
    await writeFile(join(dir, 'deploy-sandbox.sh'), script);
    const { code, output } = await run('bash', ['deploy-sandbox.sh'], dir, env);
    expect(output).toContain('Deployment complete!');
    expect(output).toMatch(/Image: sandbox\/my-custom-sandbox-\d+:\w+/);
    expect(code).toBe(0);
    await end(/Sandbox: (\S+)/.exec(output)?.[1] ?? '');
  });
}
