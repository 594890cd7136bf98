import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const scripts = import.meta.dirname;
let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'atoll-setup-test-'));
});

afterEach(() => rm(dir, { recursive: true, force: true }));

interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

function execute(
  program: string,
  args: string[],
  options: { cwd?: string; env?: Record<string, string> },
): Promise<Outcome> {
  return new Promise((resolve) => {
    const all = { ...options, env: { ...process.env, ...options.env }, timeout: 9_000 };
    execFile(program, args, all, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : error ? -1 : 0, stdout, stderr });
    });
  });
}

async function put(path: string, content: string, mode = 0o644): Promise<void> {
  await mkdir(dirname(join(dir, path)), { recursive: true });
  await writeFile(join(dir, path), content);
  await chmod(join(dir, path), mode);
}

describe('comparing node_modules with the lockfile', () => {
  const check = (): Promise<Outcome> =>
    execute(process.execPath, [join(scripts, 'setup', 'npm-current.mjs')], { cwd: dir });

  async function putPackages(wanted: object, installed?: object): Promise<void> {
    await put('package-lock.json', JSON.stringify({ packages: wanted }));
    if (installed) await put('node_modules/.package-lock.json', JSON.stringify({ packages: installed }));
    await mkdir(join(dir, 'node_modules', 'a'), { recursive: true });
  }

  it('is content when every package has its version', async () => {
    await putPackages(
      { '': {}, 'node_modules/a': { version: '1.0.0' } },
      { 'node_modules/a': { version: '1.0.0' } },
    );
    expect((await check()).code).toBe(0);
  });

  it('names a package of another version', async () => {
    await putPackages({ 'node_modules/a': { version: '1.0.0' } }, { 'node_modules/a': { version: '1.0.1' } });
    expect(await check()).toMatchObject({ code: 1, stdout: 'node_modules/a\n' });
  });

  it('takes an install without a record, which was interrupted, for none', async () => {
    await putPackages({ 'node_modules/a': { version: '1.0.0' } });
    expect((await check()).code).toBe(1);
  });

  it('names a package that the lockfile does not know', async () => {
    await putPackages({}, { 'node_modules/a': { version: '1.0.0' } });
    expect(await check()).toMatchObject({ code: 1, stdout: 'node_modules/a\n' });
  });

  it('does not miss the optional packages of other systems', async () => {
    await putPackages({ 'node_modules/a-win32': { version: '1.0.0', optional: true } }, {});
    expect((await check()).code).toBe(0);
  });
});

describe('the set-up script', () => {
  const setup = (steps: string[], env: Record<string, string> = {}): Promise<Outcome> =>
    execute(join(scripts, 'setup.sh'), steps, { env: { ATOLL_CACHE_DIR: join(dir, 'cache'), ...env } });

  /** The version of Go or Node that the script believes to have found. */
  async function pretend(name: string, answer: string): Promise<Record<string, string>> {
    await put(`bin/${name}`, `#!/bin/sh\necho ${answer}\n`, 0o755);
    return { PATH: `${join(dir, 'bin')}:${process.env['PATH']}` };
  }

  it('refuses an unknown step and shows the known ones', async () => {
    const { code, stderr } = await setup(['everything']);
    expect(code).toBe(2);
    expect(stderr).toContain('unknown argument: everything');
    expect(stderr).toContain('usage:');
  });

  it('says what is wrong, why, and what to do when the cache cannot be written', async () => {
    await put('cache', 'a file, not a folder');
    const { code, stderr } = await setup(['agent']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/cannot write to .*cache[^]*why: [^]*next: .*ATOLL_CACHE_DIR/);
  });

  it('fails with what it tried where no runsc can be had', async () => {
    const { code, stderr } = await setup(['runsc'], { ATOLL_RUNSC_ORIGIN: 'path' });
    expect(code).toBe(1);
    expect(stderr).toMatch(/no usable runsc\n {2}why: {2}tried: path/);
  });

  it('does not trust a runsc that has no record and does not come from the pinned module', async () => {
    await put('cache/runsc/runsc', '#!/bin/sh\nexit 0\n', 0o755);
    expect((await setup(['runsc'], { ATOLL_RUNSC_ORIGIN: 'path' })).code).toBe(1);
  });

  it('passes over a runsc on PATH that is too old', async () => {
    const env = await pretend('runsc', 'runsc version release-20240401.0');
    expect((await setup(['runsc'], { ...env, ATOLL_RUNSC_ORIGIN: 'path' })).code).toBe(1);
  });

  it('copies a new enough runsc from PATH, records it, and keeps it the next time', async () => {
    const env = await pretend('runsc', 'runsc version release-20260817.0');
    expect((await setup(['runsc'], { ...env, ATOLL_RUNSC_ORIGIN: 'path' })).code).toBe(0);
    const record = JSON.parse(await readFile(join(dir, 'cache/runsc/version.json'), 'utf8')) as object;
    expect(record).toMatchObject({ version: 'release-20260817.0', origin: 'path' });
    expect((await setup(['runsc'])).stdout).toContain('ok, cached; release-20260817.0 from path');
  });
});
