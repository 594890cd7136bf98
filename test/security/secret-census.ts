import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { call, createSandbox } from '../fixtures/api.ts';
import { build } from '../fixtures/build.ts';
import { filesWith, processTexts } from '../fixtures/search-host.ts';
import type { TestServer } from '../fixtures/server.ts';

/** Each kind of secret that the server is given or gives, by what it is. */
type Planted = Record<string, string>;

const hidden = (): string => `hunter${randomBytes(12).toString('hex')}`;
const base64 = (text: string): string => Buffer.from(text).toString('base64');

/** Nobody listens there: what was to be sent comes back in errors, if anywhere. */
const NOBODY = '127.0.0.1:1';
const dockerConfigJson = (password: string) => ({ auths: { [NOBODY]: { username: 'robot', password } } });

/** Uses every kind of secret once, in calls that succeed and in calls that fail; answers them with what was answered. */
async function plant(server: TestServer): Promise<{ secrets: Planted; answers: unknown[] }> {
  const secrets: Planted = {
    workspace: hidden(),
    refused: hidden(),
    build: hidden(),
    'registry password': hidden(),
    'variable of a command': hidden(),
  };
  const ask = (path: string, body?: unknown, method?: string) =>
    call(server, path, { body, method: method ?? 'POST' });
  const put = (name: string, value = '') => ask('/platform/v1/secrets', { name, value }, 'PUT');
  const answers: unknown[] = [
    await put('PLANTED', secrets['workspace']),
    await put('BAD-NAME', secrets['refused']),
  ];
  const config = dockerConfigJson(secrets['registry password'] ?? '');
  answers.push(await ask('/v1/images/import', { reference: `${NOBODY}/app:v1`, dockerConfigJson: config }));
  answers.push(await brokenBuild(server, secrets['build'] ?? '', config));
  const key = (await ask('/v1/keys', { name: `census-${hidden()}` })).body as { value: string; id: string }; // its route
  secrets['API key'] = key.value;
  const withKey = { url: server.url, apiKey: key.value };
  const session = await call(withKey, '/v1/session', { method: 'POST' });
  secrets['session'] = /=([^;]{20,})/.exec(String(session.headers['set-cookie']))?.[1] ?? '';
  const id = await createSandbox(withKey, { secret_names: ['PLANTED'] });
  const headers = { host: `${id}.local` };
  const env = { OWN: secrets['variable of a command'] };
  for (const command of ['true', '/no/such/command'])
    answers.push(await call(withKey, '/api/v1/processes/run', { headers, body: { command, env } }));
  const paths = [
    `/v1/sandboxes/${id}`,
    '/v1/audit',
    '/v1/builds',
    '/v1/keys',
    '/platform/v1/secrets',
    '/metrics',
  ];
  for (const path of paths) answers.push(await call(server, path));
  answers.push(await call({ url: server.url, apiKey: `${key.value}x` }, '/v1/keys'));
  return { secrets, answers };
}

/** One step uses the secret as it should, the next one fails. */
async function brokenBuild(server: TestServer, secret: string, config: object): Promise<unknown> {
  const mount = '--mount=type=secret,id=key';
  const dockerfile = `FROM debian-minimal\nRUN ${mount} test -n "$(cat /run/secrets/key)"\nRUN ${mount} false\n`;
  const ended = await build(server, {
    dockerfile,
    secrets: { key: base64(secret) },
    dockerConfigJson: config,
  });
  expect(ended.titles('done').length).toBeGreaterThan(0);
  expect(ended.build.status).toBe('failed');
  return [ended.build, ended.events];
}

/** What was said once stays where it belongs. */
export function testSecretCensus(getServer: () => TestServer): void {
  test(
    'keeps every kind of secret out of answers, logs, processes and files',
    { timeout: 120_000 },
    async () => {
      const server = getServer();
      const { secrets, answers } = await plant(server);
      const said = [JSON.stringify(answers), server.log.join('\n'), processTexts().join('\n')];
      const formsOf = (secret: string): string[] => [secret, base64(secret).replace(/=+$/, '')];
      for (const [what, secret] of Object.entries(secrets)) {
        expect(secret.length, what).toBeGreaterThan(20);
        const places = said.map((text) => formsOf(secret).some((form) => text.includes(form)));
        expect(places, `${what} in an answer, the log or a process`).toEqual([false, false, false]);
      }
      const { workspace = '', ...others } = secrets;
      const runFolder = join(server.runDir, server.instanceId);
      expect(await filesWith(Object.values(secrets).flatMap(formsOf), server.dataDir)).toEqual([]);
      expect(await filesWith(Object.values(others).flatMap(formsOf), runFolder)).toEqual([]);
      const identity = expect.stringMatching(/\/identity\/[a-z0-9]{8}\/agent\.json$/);
      expect(await filesWith(formsOf(workspace), runFolder)).toEqual([identity]);
    },
  );
}
