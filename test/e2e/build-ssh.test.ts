import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AdminClient, BuildClient, buildImage, ImageBuildError } from '@atoll/sdk';
import type { BuildEvent, BuildImageOptions } from '@atoll/sdk';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { answerOf, beginBuild, endOfBuild } from '../fixtures/build.ts';
import type { EndedBuild } from '../fixtures/build.ts';
import { startGitHost } from '../fixtures/git-host.ts';
import type { GitHost } from '../fixtures/git-host.ts';
import { runCli } from '../fixtures/run-cli.ts';
import { describeOnEachDriver } from '../fixtures/server.ts';
import { startSshAgent } from '../fixtures/ssh-agent.ts';
import type { SshAgent } from '../fixtures/ssh-agent.ts';
import { hasSshd, makeKey, startSshHost } from '../fixtures/ssh-host.ts';
import type { SshHost } from '../fixtures/ssh-host.ts';

/** Prints the comments of the keys that the agent has. */
const LIST_KEYS = `COPY <<EOF /keys.py
import os, socket, struct
agent = socket.socket(socket.AF_UNIX)
agent.connect(os.environ["SSH_AUTH_SOCK"])
def take(count):
    data = b""
    while len(data) < count:
        data += agent.recv(count - len(data))
    return data
agent.sendall(struct.pack(">IB", 1, 11))
said = take(struct.unpack(">I", take(4))[0])
at, count = 5, struct.unpack(">I", said[1:5])[0] if said[0] == 12 else 0
def text():
    global at
    length = struct.unpack(">I", said[at:at + 4])[0]
    at += 4 + length
    return said[at - length:at]
print("keys", [(text(), text())[1].decode() for _ in range(count)])
EOF`;

let folder: string;
let key: string;
let agent: SshAgent;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'atoll-test-'));
  key = makeKey(folder, 'lent');
  agent = await startSshAgent([makeKey(folder, 'kept'), makeKey(folder, 'other')]);
});
afterAll(async () => {
  await agent.close();
  await rm(folder, { recursive: true, force: true });
});

const ASK = `${LIST_KEYS}\nRUN --mount=type=ssh python3 /keys.py`;

describeOnEachDriver('SSH agents lent to builds', (server, driver) => {
  const connection = () => ({ apiUrl: server().url, apiKey: server().apiKey });
  const outputOf = async (dockerfile: string, options: BuildImageOptions): Promise<string[]> => {
    const events: BuildEvent[] = [];
    const source = { kind: 'definition', name: 'lent', dockerfile, needsContext: false } as const;
    await buildImage(source, {
      ...options,
      connection: connection(),
      onEvent: (event) => events.push(event),
    });
    return events.flatMap((event) => (event.type === 'step_output' ? [event.text] : []));
  };

  test('are at the sockets that steps ask for, for whom they ask, and leave nothing in the image', async () => {
    const dockerfile = [
      'FROM debian-minimal',
      LIST_KEYS,
      'RUN --mount=type=ssh,required stat -c %n-%a-%u $SSH_AUTH_SOCK && python3 /keys.py',
      'RUN --mount=type=ssh,id=one,target=/var/a/b.sock,uid=1000,gid=1000 --mount=type=ssh,id=none stat -c %n-%a-%u-%g $SSH_AUTH_SOCK && setpriv --reuid 1000 --regid 1000 --clear-groups python3 /keys.py',
      'RUN ls -d /run/buildkit /var/a 2>/dev/null; echo "${SSH_AUTH_SOCK:-none}"',
    ].join('\n');
    const output = await outputOf(dockerfile, { noCache: true, ssh: { default: agent.path, one: [key] } });
    expect(output).toEqual([
      '/run/buildkit/ssh_agent.0-600-0',
      "keys ['kept', 'other']",
      '/var/a/b.sock-600-1000-1000',
      "keys ['lent']",
      'none',
    ]);
    // What a step makes does not depend on who lends it which keys.
    expect(await outputOf(dockerfile, { ssh: { default: key } })).toEqual([]);
  });

  if (driver !== 'gvisor' && process.env['ATOLL_TEST_LONG'] !== '1') return;

  // A client may come back for a while, which passes during the other tests.
  let left: Promise<EndedBuild>;
  beforeAll(async () => {
    const client = new BuildClient(connection());
    const id = await begin(ASK, ['default']);
    left = end(id);
    for await (const event of client.lendSshAgents(id)) if (event.type === 'request') break;
    client.close();
  });

  const begin = (dockerfile: string, ssh: string[]): Promise<string> =>
    beginBuild(server(), { dockerfile: `FROM debian-minimal\n${dockerfile}`, ssh });
  const end = (id: string): Promise<EndedBuild> => endOfBuild(server(), id);
  const lend = (id: string, apiKey: string): Promise<Response> =>
    fetch(`${server().url}/v1/builds/${id}/ssh`, {
      method: 'POST',
      headers: { authorization: `Bearer ${apiKey}` },
    });

  test('a step that needs one that nobody lends says how to', async () => {
    const { build } = await end(await begin('RUN --mount=type=ssh,id=forge,required true', ['default']));
    expect(build.failure).toMatchObject({
      code: 'build_failed',
      message: expect.stringContaining('no SSH agent forge'),
      hint: expect.stringContaining('--ssh forge'),
    });
  });

  test('a step whose client has lost its agent fails, even if its command does not mind', async () => {
    const client = new BuildClient(connection());
    const id = await begin(ASK, ['default']);
    const answer = async (): Promise<void> => {
      for await (const event of client.lendSshAgents(id)) {
        if (event.type === 'request')
          await client.answerSshRequest(id, { request: event.request, error: 'it has ended' });
      }
    };
    const [{ build, output }] = await Promise.all([end(id), answer()]);
    expect(build.failure?.message).toContain('the SSH agent does not answer: it has ended');
    expect(output).toEqual(['keys []']);
    client.close();
  });

  test('only the key that began a build lends to it, and only what the build asked for', async () => {
    const admin = new AdminClient(connection());
    const [id, without] = [
      await beginBuild(server(), { dockerfile: 'FROM scratch', context: true, ssh: ['default'] }, undefined),
      await beginBuild(server(), { dockerfile: 'FROM scratch', context: true }, undefined),
    ];
    const mine = await admin.createKey({ name: 'second', role: 'member' });
    const theirs = await admin.createAccount({ name: 'else', workspace: 'elsewhere', ownerName: 'them' });
    const statuses = await Promise.all(
      [
        lend(id, mine.value),
        lend(id, theirs.apiKey),
        lend(without, server().apiKey),
        fetch(`${server().url}/v1/builds/${id}/ssh/answers`, {
          method: 'POST',
          headers: { authorization: `Bearer ${mine.value}` },
          body: JSON.stringify({ request: 'r', message: 'BQ==' }),
        }),
      ].map(async (sent) => (await sent).status),
    );
    expect(statuses).toEqual([403, 404, 409, 403]);
    const lent = await lend(id, server().apiKey);
    expect(lent.status).toBe(200);
    const again = await lend(id, server().apiKey);
    expect(await lent.text()).toBe(': lent\n\n');
    await server().fetch(`/v1/builds/${id}/cancel`, { method: 'POST' });
    expect(await again.text()).toBe(': lent\n\n');
    await server().fetch(`/v1/builds/${without}/cancel`, { method: 'POST' });
  });

  describe.skipIf(!hasSshd())('ADD of a repository over SSH', () => {
    let git: GitHost;
    let host: SshHost;
    let remote: string;
    let knownHosts: string;
    beforeAll(async () => {
      git = await startGitHost();
      host = await startSshHost([key]);
      await git.commit('private', { 'a.txt': 'one', 'sub/b.txt': 'two' });
      const path = git.git('private', 'rev-parse', '--show-toplevel');
      remote = `ssh://root@${git.address}:${host.port}${path}`;
      knownHosts = join(folder, 'known_hosts');
      await writeFile(knownHosts, `[${git.address}]:${host.port} ${host.key}\n`);
      const body = JSON.stringify({ ranges: [git.address] });
      await answerOf(server().fetch('/v1/network-openings/default', { method: 'PUT', body }));
    });
    afterAll(async () => {
      await host.close();
      await git.close();
    });

    test('fetches with keys that stay with the client', async () => {
      await writeFile(
        join(folder, 'Dockerfile'),
        `FROM debian-minimal\nADD --keep-git-dir=true ${remote}#main:sub /r\nRUN cat /r/b.txt && ls -A /r\n`,
      );
      const env = { ATOLL_URL: server().url, ATOLL_API_KEY: server().apiKey };
      const flags = ['--ssh', `default=${key}`, '--ssh-known-hosts', knownHosts];
      const ran = await runCli(['image', 'build', folder, '-t', 'over-ssh', ...flags], { env });
      expect(ran.stderr).toContain('two');
      expect(ran.stdout.trim()).toBe('over-ssh');
      expect(host.said()).toContain('Accepted publickey for root');
    });

    const failureOf = async (options: BuildImageOptions): Promise<string | undefined> => {
      const dockerfile = `FROM debian-minimal\nADD ${remote} /r\n`;
      const error = await outputOf(dockerfile, { noCache: true, ...options }).catch(
        (cause: unknown) => cause,
      );
      return error instanceof ImageBuildError ? error.message : String(error);
    };

    test('goes to no host that is not known, with no key that is not lent', async () => {
      const lent = { ssh: { default: key } };
      const other = `[${git.address}]:${host.port} ${host.key.replace(/.{10}$/, 'AAAAAAAAAA')}\n`;
      const line = (name: string): string => `${name} ${host.key}\n`;
      const failures = await Promise.all([
        failureOf({}),
        failureOf(lent),
        failureOf({ ...lent, sshKnownHosts: line('example.com') }),
        failureOf({ ...lent, sshKnownHosts: other }),
        failureOf({ ssh: { default: agent.path }, sshKnownHosts: line(`[${git.address}]:${host.port}`) }),
      ]);
      expect(failures).toEqual([
        expect.stringContaining('no SSH agent default'),
        expect.stringContaining('which hosts it may trust'),
        expect.stringContaining('the known hosts have no key of'),
        expect.stringContaining('is not the known one'),
        expect.stringContaining('takes none of the keys of the SSH agent for the user root'),
      ]);
    });
  });

  test('a step whose client went away for good fails, even if its command does not mind', async () => {
    const { build, output } = await left;
    expect(build.failure?.message).toContain('the client that lends the SSH agent default is gone');
    expect(output).toEqual(['keys []']);
  });
});
