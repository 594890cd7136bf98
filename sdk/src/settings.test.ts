import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { serverFileContent } from '../../server/src/server-file.ts';
import { configPath, readConfig, readLocalServer, writeConfig } from './config.ts';
import type { LocalServer, Profile } from './config.ts';
import { resolveSettings } from './settings.ts';

interface Found {
  env?: Record<string, string>;
  profiles?: Record<string, Profile>;
  local?: LocalServer;
}

const sources = ({ env = {}, profiles = {}, local }: Found) => ({
  env,
  readProfile: async (name = 'default') => {
    const profile = profiles[name];
    return profile && { name, profile };
  },
  readLocalServer: async () => local,
});

const atoll = { ATOLL_URL: 'http://atoll', ATOLL_API_KEY: 'atoll-key' };
const tensorlake = {
  TENSORLAKE_API_URL: 'http://tl',
  TENSORLAKE_API_KEY: 'tl-key',
  INDEXIFY_NAMESPACE: 'team',
};
const profiles = { default: { url: 'http://profile', apiKey: 'profile-key', namespace: 'lab' } };
const local = { url: 'http://127.0.0.1:7070', apiKey: 'local-key' };
const everything = { env: { ...atoll, ...tensorlake }, profiles, local };
const outcome = async (options: object, found: Found) => {
  const { apiUrl, apiKey, namespace } = await resolveSettings(options, sources(found));
  return [apiUrl, apiKey, namespace];
};

test('options come before the environment, ours before Tensorlake’s, then the profile, then the local server', async () => {
  const given = { apiUrl: 'http://given', apiKey: 'given-key', namespace: 'given' };
  expect(await outcome(given, everything)).toEqual(['http://given', 'given-key', 'given']);
  expect(await outcome({}, everything)).toEqual(['http://atoll', 'atoll-key', 'team']);
  expect(await outcome({}, { ...everything, env: tensorlake })).toEqual(['http://tl', 'tl-key', 'team']);
  expect(await outcome({}, { profiles, local })).toEqual(['http://profile', 'profile-key', 'lab']);
  expect(await outcome({}, { local })).toEqual(['http://127.0.0.1:7070', 'local-key', 'default']);
});

test('a named profile outranks the environment', async () => {
  expect(await outcome({ profile: 'default' }, everything)).toEqual(['http://profile', 'profile-key', 'lab']);
  await expect(outcome({ profile: 'nope' }, everything)).rejects.toThrow('no profile "nope"');
});

test('a stored key is never sent to another address', async () => {
  expect(await outcome({ apiUrl: 'http://other' }, { profiles, local })).toEqual([
    'http://other',
    undefined,
    'default',
  ]);
  expect(await outcome({ apiUrl: 'http://localhost:7070' }, { profiles, local })).toEqual([
    'http://localhost:7070',
    'local-key',
    'default',
  ]);
});

test('a profile of the local server without a key uses the key file', async () => {
  const bare = { default: { url: 'http://localhost:7070', namespace: 'lab' } };
  expect(await outcome({}, { profiles: bare, local })).toEqual(['http://localhost:7070', 'local-key', 'lab']);
});

test('a personal access token stands in for a key; empty variables count as absent', async () => {
  const env = {
    TENSORLAKE_API_URL: 'http://tl',
    TENSORLAKE_API_KEY: '',
    TENSORLAKE_PAT: 'pat',
    ATOLL_URL: '',
  };
  expect(await outcome({}, { env })).toEqual(['http://tl', 'pat', 'default']);
});

test('what is no address, and no server at all, is said', async () => {
  await expect(outcome({ apiUrl: 'localhost:7070' }, {})).rejects.toThrow('is not the address of a server');
  await expect(outcome({}, {})).rejects.toMatchObject({
    hint: expect.stringContaining('atoll server') as string,
  });
});

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'atoll-settings-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test('profiles survive the file, which only its owner may read', async () => {
  const path = configPath({ XDG_CONFIG_HOME: folder });
  const config = { profile: 'lab', profiles: { lab: { url: 'http://x', apiKey: 'k"\n', projectId: 'p' } } };
  await writeConfig(config, path);
  expect(await readConfig(path)).toEqual(config);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await readFile(path, 'utf8')).toContain('api_key');
});

test('a missing file has no profiles; a broken one names itself', async () => {
  const path = join(folder, 'config.toml');
  expect(await readConfig(path)).toEqual({ profile: 'default', profiles: {} });
  await writeFile(path, 'profiles = 3');
  await expect(readConfig(path)).rejects.toThrow(path);
});

test('the local server is found by its data directory', async () => {
  const env = { ATOLL_DATA_DIR: folder };
  expect(await readLocalServer(env)).toBeUndefined();
  await writeFile(join(folder, 'server.json'), serverFileContent('http://0.0.0.0:7070'));
  expect(await readLocalServer(env)).toEqual({ url: 'http://127.0.0.1:7070' });
  await writeFile(join(folder, 'admin-key'), 'secret\n');
  expect(await readLocalServer(env)).toEqual({ url: 'http://127.0.0.1:7070', apiKey: 'secret' });
});

test.each([
  ['has ended', { pid: 2 ** 22 + 1 }],
  ['has ended and left its number to another process', { startTicks: 1 }],
  ['does not say which process it is', { pid: undefined }],
])('a server that %s is not found', async (_title, change) => {
  const written: unknown = JSON.parse(serverFileContent('http://127.0.0.1:7070'));
  await writeFile(join(folder, 'server.json'), JSON.stringify(Object.assign({}, written, change)));
  await writeFile(join(folder, 'admin-key'), 'secret\n');
  expect(await readLocalServer({ ATOLL_DATA_DIR: folder })).toBeUndefined();
});
