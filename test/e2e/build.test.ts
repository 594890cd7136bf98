import { gzipSync } from 'node:zlib';
import { mkdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Build, BuildEvent } from '../../protocol/src/index.ts';
import { sandboxCalls } from '../fixtures/api.ts';
import { answerOf, beginBuild, build, buildEvents, endOfBuild } from '../fixtures/build.ts';
import { readBuiltImage } from '../fixtures/built-image.ts';
import { tarball } from '../fixtures/image-layout.ts';
import { describeOnUsualDriver } from '../fixtures/server.ts';
import type { TestServer } from '../fixtures/server.ts';
import { tempDir } from '../fixtures/temp-dir.ts';

const EPOCH = '1700000000';

async function contextWith(files: Record<string, string>): Promise<string> {
  const dir = await tempDir();
  for (const [path, content] of Object.entries(files)) await writeFile(join(dir, path), content);
  return dir;
}

/** Resolves with the first event of a type. */
async function awaitEvent(server: TestServer, id: string, type: BuildEvent['type']): Promise<void> {
  for await (const event of buildEvents(server, id)) if (event.type === type) return;
}

describeOnUsualDriver('a build', (getServer) => {
  test('does again only what has changed, by the content of files', async () => {
    const dir = await contextWith({ a: '1', b: '1' });
    const dockerfile = 'FROM debian-minimal\nCOPY a /a\nRUN echo ran\nCOPY b /b\nRUN cat /a /b\n';
    const options = { dockerfile, name: 'cache' };
    const first = await build(getServer(), options, dir);
    expect(first.titles('cached')).toEqual([]);
    await utimes(join(dir, 'a'), 1, 1);
    const second = await build(getServer(), options, dir);
    expect(second.titles('cached')).toHaveLength(4);
    expect(second.build.result?.digest).toBe(first.build.result?.digest);
    await writeFile(join(dir, 'b'), '2');
    const third = await build(getServer(), options, dir);
    expect(third.titles('cached')).toEqual(['[2/5] COPY a /a', '[3/5] RUN echo ran']);
    expect(third.output).toEqual(['12']);
    const anew = await build(getServer(), { ...options, noCache: true }, dir);
    expect(anew.titles('cached')).toEqual([]);
  });

  test('with SOURCE_DATE_EPOCH gives the same digest twice', async () => {
    const dir = await contextWith({ a: '1' });
    const dockerfile =
      'FROM debian-minimal\nWORKDIR /w\nCOPY a .\nCOPY <<EOF /b\nb\nEOF\nRUN date > /dev/null; touch /w/new\n';
    const options = { dockerfile, name: 'same', noCache: true, buildArgs: { SOURCE_DATE_EPOCH: EPOCH } };
    const first = await build(getServer(), options, dir);
    await utimes(join(dir, 'a'), Date.now() / 1000, Date.now() / 1000);
    const second = await build(getServer(), options, dir);
    expect(first.build.failure).toBeUndefined();
    expect(second.build.result?.digest).toBe(first.build.result?.digest);
    const { created, history } = await readBuiltImage(getServer(), 'same');
    expect(created).toBe(new Date(Number(EPOCH) * 1000).toISOString());
    expect(history.at(-1)?.created).toBe(created);
  });

  test('can be used as the image of a sandbox, and as the base of another build', async () => {
    const server = getServer();
    await build(server, {
      dockerfile: 'FROM debian-minimal\nRUN echo made > /made\nENV A=b\n',
      name: 'used',
    });
    const again = await build(server, { dockerfile: 'FROM used\nRUN cat /made && test "$A" = b\n' });
    expect(again.output).toEqual(['made']);
    const created = await answerOf<{ sandbox_id: string }>(
      server.fetch('/v1/namespaces/default/sandboxes', {
        method: 'POST',
        body: JSON.stringify({ image: 'used' }),
      }),
    );
    const { output } = await sandboxCalls(server, created.sandbox_id).run('cat /made; echo $A');
    expect(output).toBe('made\nb');
  });

  test('that fails can be looked at in the state before the step', async () => {
    const server = getServer();
    const failed = await build(server, {
      dockerfile: 'FROM debian-minimal\nRUN echo before > /before\nRUN ["false"]\n',
    });
    expect(failed.build.failure).toMatchObject({ exitCode: 1, canDebug: true });
    expect(failed.build.failure?.hint).toContain(`atoll image debug ${failed.id}`);
    const debug = await answerOf<{ sandboxId: string; command: string[] }>(
      server.fetch(`/v1/builds/${failed.id}/debug`, { method: 'POST' }),
    );
    expect(debug.command).toEqual(['false']);
    const { output } = await sandboxCalls(server, debug.sandboxId).run('cat /before');
    expect(output).toBe('before');
  });

  test('that is cancelled ends at once and leaves its name alone', async () => {
    const server = getServer();
    const id = await beginBuild(server, {
      dockerfile: 'FROM debian-minimal\nRUN echo go; sleep 600\n',
      name: 'never',
    });
    await awaitEvent(server, id, 'step_output');
    const answer = await answerOf<Build>(server.fetch(`/v1/builds/${id}/cancel`, { method: 'POST' }));
    expect(answer.status).toBe('cancelled');
    const { events } = await endOfBuild(server, id);
    expect(events.at(-1)).toMatchObject({ type: 'cancelled' });
    expect((await server.fetch('/v1/images/never')).status).toBe(404);
  });

  test('that waits for its context can be cancelled, and takes none afterwards', async () => {
    const server = getServer();
    const { id } = await answerOf<Build>(server.fetch('/v1/builds', { method: 'POST', body: '{}' }));
    await answerOf(server.fetch(`/v1/builds/${id}/cancel`, { method: 'POST' }));
    const late = await server.fetch(`/v1/builds/${id}/context`, { method: 'PUT', body: Buffer.alloc(1024) });
    expect(late.status).toBe(409);
  });

  test('says that it ran out of memory', async () => {
    const dockerfile = `FROM debian-minimal\nRUN perl -e '$x = "x" x 900000000; print length $x'\n`;
    const { build: ended } = await build(getServer(), { dockerfile, memoryMb: 128 });
    expect(ended.failure).toMatchObject({ code: 'build_failed', shortOf: 'memory' });
    expect(ended.failure?.message).toContain('128 MB');
  });

  test('says that its disk is full, and fills nothing else', async () => {
    const dockerfile = 'FROM debian-minimal\nRUN dd if=/dev/zero of=/big bs=1M count=500\n';
    const { build: ended } = await build(getServer(), { dockerfile, builderDiskMb: 100 });
    expect(ended.failure).toMatchObject({ code: 'build_failed', shortOf: 'disk' });
  });

  test('refuses a context that does not fit on its disk, or that is none', async () => {
    const server = getServer();
    const dir = await contextWith({ big: 'x'.repeat(80 * 1024 * 1024) });
    const options = { dockerfile: 'FROM scratch\nCOPY . /\n', builderDiskMb: 64 };
    await expect(beginBuild(server, options, dir)).rejects.toThrow('400');
    const { id } = await answerOf<Build>(server.fetch('/v1/builds', { method: 'POST', body: '{}' }));
    const sent = await server.fetch(`/v1/builds/${id}/context`, {
      method: 'PUT',
      body: 'this is no archive',
    });
    expect(sent.status).toBe(400);
    expect((await endOfBuild(server, id)).build.failure?.code).toBe('invalid_request');
  });

  test.each([
    ['leaves it by ..', { path: '../out', content: 'x' }],
    ['is absolute', { path: '/etc/out', content: 'x' }],
    ['is a device', { path: 'null', kind: 'char' as const, devMajor: 1, devMinor: 3 }],
    ['is a link to a file that is not there', { path: 'link', kind: 'hardlink' as const, linkPath: 'none' }],
  ])('refuses a context with a member that %s', async (_, member) => {
    const server = getServer();
    const { id } = await answerOf<Build>(server.fetch('/v1/builds', { method: 'POST', body: '{}' }));
    const archive = tarball([{ path: 'Dockerfile', content: 'FROM scratch' }, member]);
    const sent = await server.fetch(`/v1/builds/${id}/context`, { method: 'PUT', body: archive });
    expect(sent.status).toBe(400);
    expect((await endOfBuild(server, id)).build.failure?.code).toBe('invalid_request');
  });

  test('takes a context that is compressed, and none that is cut short', async () => {
    const server = getServer();
    const archive = gzipSync(
      tarball([
        { path: 'Dockerfile', content: 'FROM scratch\nCOPY a /\n' },
        { path: 'a', content: 'a'.repeat(5000) },
      ]),
    );
    const send = async (body: Buffer) => {
      const { id } = await answerOf<Build>(server.fetch('/v1/builds', { method: 'POST', body: '{}' }));
      const { status } = await server.fetch(`/v1/builds/${id}/context`, { method: 'PUT', body });
      return { status, ended: (await endOfBuild(server, id)).build.status };
    };
    expect(await send(archive)).toEqual({ status: 202, ended: 'succeeded' });
    expect(await send(archive.subarray(0, archive.length - 20))).toEqual({ status: 400, ended: 'failed' });
  });

  test('refuses a name that is taken when it is asked to', async () => {
    const server = getServer();
    const options = { dockerfile: 'FROM scratch\nLABEL a=1\n', name: 'taken' };
    await build(server, options);
    const refused = await server.fetch('/v1/builds', {
      method: 'POST',
      body: JSON.stringify({ ...options, context: false, noReplace: true }),
    });
    expect(refused.status).toBe(409);
  });

  test('says what it makes public, and a rebuild that says nothing leaves it so', async () => {
    const server = getServer();
    const options = { dockerfile: 'FROM scratch\nLABEL a=1\n', name: 'shown' };
    const isPublic = async (): Promise<boolean | undefined> => {
      const { images } = await answerOf<{ images: { name: string; public: boolean }[] }>(
        server.fetch('/v1/images'),
      );
      return images.find(({ name }) => name === 'shown')?.public;
    };
    const { events } = await build(server, { ...options, isPublic: true });
    expect(JSON.stringify(events)).toContain('all tags of shown are public');
    await build(server, { ...options, dockerfile: 'FROM scratch\nLABEL a=2\n' });
    expect(await isPublic()).toBe(true);
    await build(server, { ...options, isPublic: false });
    expect(await isPublic()).toBe(false);
  });

  test('tells its events from the start or after one, also when it has ended', async () => {
    const server = getServer();
    const { id, events } = await build(server, {
      dockerfile: 'FROM debian-minimal\nRUN echo one; echo two\n',
    });
    expect(events.map((event) => event.id)).toEqual(events.map((_, index) => index + 1));
    const rest: BuildEvent[] = [];
    for await (const event of buildEvents(server, id, '?after=3')) rest.push(event);
    expect(rest).toEqual(events.slice(3));
    const page = await answerOf<{ builds: Build[] }>(server.fetch('/v1/builds?limit=1'));
    expect(page.builds.map((one) => one.id)).toEqual([id]);
  });

  test('keeps secrets out of its log, its record and the image', async () => {
    const server = getServer();
    const secret = 'very-confidential-value';
    const ended = await build(server, {
      dockerfile: 'FROM debian-minimal\nRUN --mount=type=secret,id=key test -n "$(cat /run/secrets/key)"\n',
      secrets: { key: Buffer.from(secret).toString('base64') },
      name: 'secretive',
    });
    expect(ended.build.failure).toBeUndefined();
    const told = JSON.stringify([ended, await readBuiltImage(server, 'secretive'), server.log]);
    expect(told).not.toContain(secret);
  });

  test('does not see the builds of others as its own', async () => {
    const server = getServer();
    expect((await server.fetch('/v1/builds/build_unknown')).status).toBe(404);
    expect((await server.fetch('/v1/builds/build_unknown/events')).status).toBe(404);
  });

  test('of several at once come to their ends', async () => {
    const server = getServer();
    const dir = await tempDir();
    await mkdir(join(dir, 'd'));
    const dockerfile = 'FROM debian-minimal\nARG N\nCOPY . /c\nRUN echo $N > /n && test -d /c/d\n';
    const ended = await Promise.all(
      [1, 2, 3, 4, 5].map((n) =>
        build(server, { dockerfile, buildArgs: { N: `${n}` }, name: `many-${n}` }, dir),
      ),
    );
    expect(ended.map(({ build: { status } }) => status)).toEqual(
      Array.from({ length: 5 }, () => 'succeeded'),
    );
  });

  test('with more stages than sandboxes may run at once ends well', async () => {
    const stages = [0, 1, 2, 3, 4, 5].map((n) => `FROM debian-minimal AS s${n}\nRUN echo ${n} > /n\n`);
    const copies = stages.map((_, n) => `COPY --from=s${n} /n /n${n}\n`);
    const dockerfile = `${stages.join('')}FROM debian-minimal\n${copies.join('')}RUN cat /n?\n`;
    const { output } = await build(getServer(), { dockerfile });
    expect(output).toEqual(['0', '1', '2', '3', '4', '5']);
  });

  test('locks caches in whatever order stages name them, also one that is shown twice', async () => {
    const lock = (id: string, target: string) =>
      `--mount=type=cache,sharing=locked,id=lock-${id},target=${target}`;
    const said = 'echo x >> /x/said; test -s /x2/said; cp /x/said /n';
    const one = `RUN ${lock('x', '/x')} ${lock('y', '/y')} ${lock('x', '/x2')} ${said}`;
    const other = `RUN ${lock('y', '/y')} ${lock('x', '/x')} ${lock('x', '/x2')} ${said}`;
    const stages = `FROM debian-minimal AS a\n${one}\nFROM debian-minimal AS b\n${other}\n`;
    const dockerfile = `${stages}FROM debian-minimal\nCOPY --from=a /n /a\nCOPY --from=b /n /b\nRUN cat /a /b\n`;
    expect((await build(getServer(), { dockerfile })).output).toEqual(['x', 'x', 'x']);
  });

  test('whose cache cannot be filled leaves it free and empty for the next one', async () => {
    const server = getServer();
    const run = (source: string): string =>
      'FROM debian-minimal AS a\nRUN mkdir /there && echo filled > /there/f\nFROM debian-minimal\n' +
      `RUN --mount=type=cache,sharing=locked,id=filled,from=a,source=${source},target=/c cat /c/f\n`;
    const failed = await build(server, { dockerfile: run('/missing') });
    expect(failed.build.failure).toMatchObject({ code: 'build_failed' });
    expect(failed.build.failure?.message).toContain('not found');
    expect((await build(server, { dockerfile: run('/there') })).output).toEqual(['filled']);
  });

  test('leaves a lane to other workspaces, and has all its time when its turn comes', async () => {
    const server = getServer();
    const long = (n: number) => ({ dockerfile: `FROM debian-minimal\nRUN echo ${n}; sleep 600\n` });
    const running = await Promise.all([1, 2, 3].map((n) => beginBuild(server, long(n))));
    await Promise.all(running.map((id) => awaitEvent(server, id, 'step_output')));
    const waiting = await beginBuild(server, { ...long(4), timeoutSeconds: 1 });
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    const { status } = await answerOf<Build>(server.fetch(`/v1/builds/${waiting}`));
    expect(status).toBe('queued');
    const cancelling = running.map((id) => server.fetch(`/v1/builds/${id}/cancel`, { method: 'POST' }));
    await Promise.all(cancelling.map(answerOf));
    expect((await endOfBuild(server, waiting)).build.failure?.code).toBe('build_timeout');
  });

  test('refuses a step whose files no layer can hold, before it reads them', async () => {
    const dockerfile = 'FROM debian-minimal\nRUN truncate -s 1T /huge\n';
    const { failure } = (await build(getServer(), { dockerfile, name: 'huge' })).build;
    expect(failure).toMatchObject({ code: 'build_failed', step: '[2/2] RUN truncate -s 1T /huge' });
    expect(failure?.message).toContain('/huge (1099511627776 bytes)');
  });
});
