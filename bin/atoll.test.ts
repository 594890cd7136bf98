import { execFile } from 'node:child_process';
import { chmod, copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, it } from 'vitest';

const execute = promisify(execFile);
/** The launcher itself needs these and nothing else. */
const tools = ['dirname', 'readlink', 'sh'];

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'atoll-launcher-test-'));
  await mkdir(join(dir, 'checkout', 'bin'), { recursive: true });
  await mkdir(join(dir, 'path'));
  await copyFile(join(import.meta.dirname, 'atoll'), join(dir, 'checkout', 'bin', 'atoll'));
  await Promise.all(tools.map((name) => symlink(`/usr/bin/${name}`, join(dir, 'path', name))));
});

afterEach(() => rm(dir, { recursive: true, force: true }));

/** A Node that says where it is and what it was asked to run. */
async function putNode(path: string, version: string): Promise<void> {
  const file = join(dir, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(
    file,
    `#!/bin/sh\nif [ "$1" = --version ]; then echo ${version}; exit; fi\nprintf '%s\\n' "${path}" "$@"\n`,
  );
  await chmod(file, 0o755);
}

async function launch(program: string, ...args: string[]): Promise<string[]> {
  const { stdout } = await execute(program, args, { env: { PATH: join(dir, 'path') } });
  return stdout.trimEnd().split('\n');
}

it('prefers a current Node on PATH and passes every argument on as it is', async () => {
  await putNode('path/node', 'v24.1.0');
  const [node, , , bulk, , program, ...args] = await launch(
    join(dir, 'checkout/bin/atoll'),
    'sbx',
    'a b',
    '',
    '--json',
  );
  expect(node).toBe('path/node');
  expect(bulk).toBe('--external-memory-accounted-in-global-limit');
  expect(program).toBe(join(dir, 'checkout/cli/src/main.ts'));
  expect(args).toEqual(['sbx', 'a b', '', '--json']);
});

it.each(['v20.20.2', 'v22.17.1', 'garbage'])(
  'passes over a Node %s on PATH for the one beside it',
  async (version) => {
    await putNode('path/node', version);
    await putNode('checkout/node_modules/node/bin/node', 'v24.1.0');
    expect((await launch(join(dir, 'checkout/bin/atoll')))[0]).toBe('checkout/node_modules/node/bin/node');
  },
);

it('finds its checkout through a chain of links, absolute and relative', async () => {
  await putNode('checkout/node_modules/node/bin/node', 'v22.18.0');
  await symlink(join(dir, 'checkout/bin/atoll'), join(dir, 'first'));
  await symlink('first', join(dir, 'tl'));
  expect(await launch(join(dir, 'tl'), 'x')).toContain(join(dir, 'checkout/cli/src/main.ts'));
});

it('says what to do where there is no current Node', async () => {
  await putNode('path/node', 'v20.20.2');
  await expect(launch(join(dir, 'checkout/bin/atoll'))).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining('run `make setup`'),
  });
});
