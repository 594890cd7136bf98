import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { readDockerCredentials } from './docker-config.ts';

/** A docker configuration with a helper `known` that has one secret, and one `broken`. */
async function configured(config: object | string) {
  const dir = await mkdtemp(join(tmpdir(), 'atoll-docker-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  const text = typeof config === 'string' ? config : JSON.stringify(config);
  await writeFile(join(dir, 'config.json'), text);
  const known = `read r; if [ "$r" = ghcr.io ]; then echo '{"Username":"<token>","Secret":"refresh"}'; else echo 'credentials not found in native keychain'; exit 1; fi`;
  for (const [name, script] of [
    ['known', known],
    ['broken', 'exit 3'],
  ] as const) {
    await writeFile(join(dir, `docker-credential-${name}`), `#!/bin/sh\n${script}\n`);
    await chmod(join(dir, `docker-credential-${name}`), 0o755);
  }
  const env = { DOCKER_CONFIG: dir, PATH: `${dir}:${process.env['PATH']}` };
  return (reference: string) => readDockerCredentials(reference, { env });
}

const auth = (text: string) => ({ auth: Buffer.from(text).toString('base64') });

test('only the registry of the image gives its credentials away', async () => {
  const read = await configured({
    auths: {
      'https://index.docker.io/v1/': auth('hub:x'),
      'ghcr.io': auth('gh:x'),
      'ghcr.io.evil': auth('no:x'),
    },
  });
  expect(await read('python:3.13')).toEqual({ auths: { 'https://index.docker.io/v1/': auth('hub:x') } });
  expect(await read('ghcr.io/org/app')).toEqual({ auths: { 'ghcr.io': auth('gh:x') } });
  expect(await read('quay.io/org/app')).toBeUndefined();
});

test('a helper of the registry goes before the file, and one that knows nothing leaves it to the file', async () => {
  const read = await configured({
    credHelpers: { 'ghcr.io': 'known' },
    credsStore: 'known',
    auths: { 'ghcr.io': {}, 'quay.io': auth('q:x') },
  });
  expect(await read('ghcr.io/org/app')).toEqual({ auths: { 'ghcr.io': { identitytoken: 'refresh' } } });
  expect(await read('quay.io/org/app')).toEqual({ auths: { 'quay.io': auth('q:x') } });
});

test.each([
  ['a helper that fails', { credsStore: 'broken' }, /docker-credential-broken failed/],
  ['a helper that is missing', { credsStore: 'nowhere' }, /docker-credential-nowhere cannot be run/],
  ['a helper that is a path', { credsStore: '../../bin/sh' }, /not a credential helper/],
  ['a file that is no JSON', '{"auths": secret', /is not valid JSON$/],
])('%s is an error that says so', async (_, config, message) => {
  const read = await configured(config);
  await expect(read('ghcr.io/org/app')).rejects.toThrow(message);
});

test('no file is no credentials', async () => {
  expect(await readDockerCredentials('python', { env: { DOCKER_CONFIG: '/nonexistent' } })).toBeUndefined();
});
