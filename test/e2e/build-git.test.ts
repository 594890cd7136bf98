import { afterAll, beforeAll, expect, test } from 'vitest';
import type { BuildOptions } from '../../protocol/src/index.ts';
import { answerOf, build } from '../fixtures/build.ts';
import type { EndedBuild } from '../fixtures/build.ts';
import { startGitHost } from '../fixtures/git-host.ts';
import type { GitHost } from '../fixtures/git-host.ts';
import { describeOnUsualDriver } from '../fixtures/server.ts';

let host: GitHost;
beforeAll(async () => {
  host = await startGitHost();
});
afterAll(() => host.close());

describeOnUsualDriver('ADD of a git repository', (getServer) => {
  const add = (what: string, options: BuildOptions = {}, then = ''): Promise<EndedBuild> =>
    build(getServer(), { dockerfile: `FROM debian-minimal\nADD ${what}\n${then}`, ...options });

  beforeAll(async () => {
    const body = JSON.stringify({ ranges: [host.address] });
    await answerOf(getServer().fetch('/v1/network-openings/default', { method: 'PUT', body }));
  });

  test('brings the files of the commit, and does so again only for another commit', async () => {
    await host.commit('fresh', { 'a.txt': 'one', 'sub/b.txt': 'b' });
    const what = `${host.url}/fresh.git /r`;
    const first = await add(what, {}, 'RUN cat /r/a.txt /r/sub/b.txt; echo; ls -A /r\n');
    expect(first.build.failure).toBeUndefined();
    expect(first.output).toEqual(['oneb', 'a.txt', 'sub']);
    expect((await add(what, {}, 'RUN true\n')).titles('cached')).toContain(`[2/3] ADD ${what}`);
    await host.commit('fresh', { 'a.txt': 'two' });
    const third = await add(what, {}, 'RUN cat /r/a.txt\n');
    expect(third.titles('cached')).toEqual([]);
    expect(third.output).toEqual(['two']);
  });

  test('takes branch, tag, commit, directory and the git directory as they are asked for', async () => {
    const first = await host.commit('named', { f: '1', 'dir/g': 'g' });
    host.git('named', 'tag', '--force', '--annotate', '--message=m', 'v1');
    await host.commit('named', { f: '2' });
    const at = `${host.url}/named.git`;
    const dockerfile = [
      'FROM debian-minimal',
      `ADD ${at}#v1 /tag`,
      `ADD ${at}#main /branch`,
      `ADD --checksum=${first} ${at}#${first} /commit`,
      `ADD --chown=1000:1000 ${at}#v1:dir /dir`,
      `ADD --keep-git-dir=true ${at}#v1 /kept`,
      'RUN cat /tag/f /branch/f /commit/f /dir/g && echo && stat -c %u /dir/g && git config --global --add safe.directory /kept && git -C /kept status --porcelain && git -C /kept rev-parse HEAD',
    ].join('\n');
    const ended = await build(getServer(), { dockerfile });
    expect(ended.build.failure).toBeUndefined();
    expect(ended.output).toEqual(['121g', '1000', first]);
  });

  test('gives the same digest twice', async () => {
    await host.commit('same', { f: '1' });
    const options = { noCache: true, buildArgs: { SOURCE_DATE_EPOCH: '1700000000' } };
    const what = `--keep-git-dir=true ${host.url}/same.git /r`;
    const first = await add(what, options);
    const second = await add(what, options);
    expect(first.build.failure).toBeUndefined();
    expect(second.build.result?.digest).toBe(first.build.result?.digest);
  });

  test('says what cannot be had', async () => {
    const commit = await host.commit('wrong', { f: '1' });
    const failures = await Promise.all([
      add(`${host.url}/wrong.git#none /r`),
      add(`${host.url}/none.git /r`),
      add(`--checksum=${'0'.repeat(40)} ${host.url}/wrong.git /r`),
      add(`${host.url}/wrong.git#:none /r`),
    ]);
    expect(failures.map(({ build: { failure } }) => failure)).toMatchObject([
      { code: 'build_failed', message: expect.stringContaining('no branch or tag none') },
      { code: 'build_failed', message: expect.stringContaining('not found') },
      { code: 'build_failed', message: expect.stringContaining(`the commit ${commit}`) },
      { code: 'build_failed', message: expect.stringContaining('no directory none') },
    ]);
  });

  test('sends a token as the build gives it, and keeps none of it', async () => {
    await host.commit('private', { f: '1' });
    const token = 'a-token-of-the-forge';
    const secrets = { GIT_AUTH_TOKEN: Buffer.from(token).toString('base64') };
    const ended = await add(
      `--keep-git-dir=true ${host.url}/private.git /r`,
      { secrets },
      'RUN ! grep -r a-token /r\n',
    );
    expect(ended.build.failure).toBeUndefined();
    const sent = Buffer.from(`x-access-token:${token}`).toString('base64');
    const asked = host.requests.filter(({ path }) => path.startsWith('/private.git'));
    expect(asked.map(({ authorization }) => authorization)).toContain(`basic ${sent}`);
    expect(JSON.stringify(ended.events)).not.toContain(token);
  });

  test('is not done by the server itself, whose network is another one', async () => {
    await host.commit('closed', { f: '1' });
    const { build: ended } = await add(`${host.loopbackUrl}/closed.git /r`);
    expect(ended.failure).toMatchObject({
      code: 'build_failed',
      message: expect.stringContaining('refused'),
    });
    expect(host.requests.filter(({ path }) => path.startsWith('/closed.git'))).toEqual([]);
  });
});
