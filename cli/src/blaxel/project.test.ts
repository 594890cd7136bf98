import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { withBlaxelEnvironment } from './environment.ts';
import { projectName, readProject } from './project-file.ts';
import { readExtraFiles, readIgnored, readRegistryCredentials } from './source-files.ts';

async function folderOf(files: Record<string, string>): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'My Project '));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) {
    await mkdir(join(dir, name, '..'), { recursive: true });
    await writeFile(join(dir, name), content);
  }
  return dir;
}

async function read(toml: string, env: NodeJS.ProcessEnv = {}) {
  const warnings: string[] = [];
  const dir = await folderOf({ 'blaxel.toml': toml });
  const project = await readProject(dir, env, (text) => warnings.push(text));
  return { project, warnings, dir };
}

test('a project says what its sandbox is; variables are put in, and unknown keys are told', async () => {
  const { project, warnings } = await read(
    `name = "\${WHO}-app"
type = "sandbox"
description = "ignored"
colour = "blue"
[runtime]
generation = "mk3"
memory = 8192
[[runtime.ports]]
name = "dev"
target = 3000
protocol = "tcp"
[env]
NODE_ENV = "development"
COUNT = 3
`,
    { WHO: 'my' },
  );
  expect(project).toMatchObject({
    name: 'my-app',
    runtime: { memory: 8192, ports: [{ name: 'dev', target: 3000, protocol: 'TCP' }] },
    env: { NODE_ENV: 'development', COUNT: 3 },
  });
  expect(warnings).toEqual([expect.stringMatching(/colour is not known/)]);
});

test.each([
  ['name = [', /blaxel\.toml: /],
  ['memory = "much"', /memory: /],
  ['type = "agent"', /type "agent" is not served here/],
  ['[[runtime.ports]]\ntarget = 70000', /runtime\.ports\.0\.target/],
])('a wrong file is refused with what is wrong: %s', async (toml, said) => {
  await expect(read(toml)).rejects.toThrow(said);
});

test('a name is a flag, that of the file, of the image, or of the folder', async () => {
  const { project, dir } = await read('');
  expect(projectName('Given Name', { ...project, name: 'file' }, dir)).toBe('given-name');
  expect(projectName(undefined, { ...project, name: 'file', image: 'a/b:c' }, dir)).toBe('file');
  expect(projectName(undefined, { ...project, image: 'docker.io/me/app_x:v1' }, dir)).toBe('app-x');
  expect(projectName(undefined, project, dir)).toMatch(/^my-project-/);
  expect(() => projectName('___', project, dir)).toThrow('makes no name');
});

test('credentials are those of the line, of the file that it names, of the project, in this order', async () => {
  const dir = await folderOf({
    '.docker/config.json': '{"auths":{"own":{}}}',
    'named.json': '{"auths":{"named":{}}}',
    'broken.json': 'secret',
  });
  const find = (registryCreds: string[], dockerConfig?: string) =>
    readRegistryCredentials({ dir, registryCreds, dockerConfig });
  const named = join(dir, 'named.json');
  expect(JSON.parse((await find(['docker.io=me:pass:word'], named)) ?? '')).toEqual({
    auths: { 'docker.io': { auth: Buffer.from('me:pass:word').toString('base64') } },
  });
  expect(await find([], named)).toBe('{"auths":{"named":{}}}');
  expect(await find([])).toBe('{"auths":{"own":{}}}');
  expect(await readRegistryCredentials({ dir: '/nowhere', registryCreds: [], dockerConfig: undefined })).toBe(
    undefined,
  );
  await expect(find([], join(dir, 'missing.json'))).rejects.toThrow('there is no');
  await expect(find([], join(dir, 'broken.json'))).rejects.toThrow(/^[^]*is no docker configuration$/);
  await expect(find(['no password'])).rejects.toThrow('REGISTRY=USER:PASSWORD');
});

test('arguments of the build go along, and secrets of the folder do not unless they are meant to', async () => {
  const { project } = await read('[build]\nargs = { A = "1" }');
  const dir = await folderOf({ '.env.build': 'B=2\n' });
  const files = (dockerConfig?: string) =>
    readExtraFiles(dir, project, { buildEnvFile: undefined, dockerConfig });
  expect(await files()).toEqual([{ path: '.env.build', content: 'A=1\nB=2\n' }]);
  expect(await files('{}')).toHaveLength(2);
  const ignored = await readIgnored(dir);
  const stays = ['.env', '.env.build', '.docker', 'node_modules', 'a/node_modules', 'web/.git'];
  expect(stays.filter((path) => !ignored.matches(path))).toEqual([]);
  expect(['src', 'Dockerfile', '.envrc'].filter((path) => ignored.matches(path))).toEqual([]);
  const own = await readIgnored(await folderOf({ '.blaxelignore': 'large\n' }));
  expect(['large', '.env.build', '.docker'].map((path) => own.matches(path))).toEqual([true, true, true]);
  expect(own.matches('node_modules')).toBe(false);
});

test('variables count after flags, and a key does not go to a server that a flag names', async () => {
  const env = { HOME: '/nonexistent', BL_API_URL: 'http://h:1/v0/', BL_API_KEY: 'k', BL_WORKSPACE: 'w' };
  const flags = { json: false, quiet: false, debug: false };
  const given = { apiUrl: 'http://h:1', apiKey: 'k', namespace: 'w' };
  expect(await withBlaxelEnvironment(flags, env)).toEqual({ ...flags, ...given });
  for (const elsewhere of [{ apiUrl: 'http://other' }, { profile: 'p' }])
    expect(await withBlaxelEnvironment({ ...flags, ...elsewhere }, env)).toEqual({ ...flags, ...elsewhere });
});

test('a login of the published program counts for the server that is named, where no key is', async () => {
  const config = `context:
  workspace: used
workspaces:
  - name: used
    env: prod
    credentials:
      apiKey: its-key
  - name: other
    credentials:
      access_token: a-token
      expires_in: 7200
`;
  const HOME = await folderOf({ '.blaxel/config.yaml': config });
  const flags = { json: false, quiet: false, debug: false };
  const read = async (more: object, env: NodeJS.ProcessEnv) => {
    const { apiKey, namespace } = await withBlaxelEnvironment({ ...flags, ...more }, { HOME, ...env });
    return [apiKey, namespace];
  };
  const env = { BL_API_URL: 'http://h:1/v0' };
  expect(await read({}, env)).toEqual(['its-key', 'used']);
  expect(await read({}, { ...env, BL_WORKSPACE: 'other' })).toEqual(['a-token', 'other']);
  expect(await read({ namespace: 'other' }, env)).toEqual(['a-token', 'other']);
  expect(await read({}, { ...env, BL_API_KEY: 'k' })).toEqual(['k', undefined]);
  expect(await read({}, {})).toEqual([undefined, undefined]);
  await writeFile(join(HOME, '.blaxel/config.yaml'), 'workspaces: [apiKey: "secret');
  await expect(read({}, env)).rejects.toThrow(/config\.yaml is not what a login writes: [A-Z_]+$/);
});
