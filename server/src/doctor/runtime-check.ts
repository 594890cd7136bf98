import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fail, isAtLeast, ok, probe, readHost, runSetup, warn } from './check.ts';
import type { Check, CheckResult, DoctorContext } from './check.ts';

const runSetupHint = 'Run `make setup`, or `atoll doctor --fix`.';

const runsc: Check = {
  id: 'runsc',
  title: 'runsc (gVisor)',
  async run(context) {
    const binary = join(context.cacheDir, 'runsc', 'runsc');
    if (!existsSync(binary)) return fail(`none at ${binary}`, runSetupHint);
    const record = await readJson<{ version: string; origin: string }>(
      join(context.cacheDir, 'runsc', 'version.json'),
    );
    if (record === undefined) return fail(`${binary} has no version record`, runSetupHint);
    const name = `${record.version} (${originNames[record.origin] ?? record.origin})`;
    const ran = await probe(context, [binary, '--network=none', '--ignore-cgroups', 'do', 'true']);
    return ran?.works === true
      ? ok(`${name}, runs a sandbox`)
      : fail(`${name} does not run a sandbox: ${ran?.output}`, sandboxHint);
  },
  repair: (context) => runSetup(context, 'runsc'),
};

const originNames: Record<string, string> = {
  path: 'a copy of the one on PATH',
  release: 'official release',
  module: 'built from the pinned Go module',
};

const sandboxHint =
  'As root: inside a container it needs --privileged; on a restricted kernel, allow ptrace and user namespaces.';

const ociRuntime: Check = {
  id: 'oci-runtime',
  title: 'crun or runc (native driver)',
  async run(context) {
    const found = [await versionOf(context, 'crun'), await versionOf(context, 'runc')].filter(
      (name) => name !== undefined,
    );
    if (found.length === 0) return warn('neither is installed: only gVisor sandboxes', runSetupHint);
    return judgeOciRuntimes(found, await isHybrid(context));
  },
  repair: (context) => runSetup(context, 'packages'),
};

interface Program {
  name: string;
  version: string;
}

async function versionOf(context: DoctorContext, name: string): Promise<Program | undefined> {
  const answer = await probe(context, [name, '--version']);
  const version = answer?.output.match(/version (\S+)/)?.[1];
  return version === undefined ? undefined : { name, version };
}

/** crun below 1.14 refuses hosts that mount both cgroup versions, unless the v2 mount is hidden from it. */
function judgeOciRuntimes(found: readonly Program[], hybrid: boolean): CheckResult {
  const names = found.map(({ name, version }) => `${name} ${version}`).join(', ');
  const suits = ({ name, version }: Program): boolean =>
    name !== 'crun' || !hybrid || isAtLeast(version, '1.14');
  return found.some(suits)
    ? ok(names)
    : warn(
        `${names} refuses this host's hybrid cgroups by itself`,
        'Install runc as well: apt-get install runc.',
      );
}

async function isHybrid(context: DoctorContext): Promise<boolean> {
  const mounts = (await readHost(context, 'proc/self/mountinfo')) ?? '';
  return / - cgroup /.test(mounts) && / - cgroup2 /.test(mounts);
}

const userNamespaces: Check = {
  id: 'user-namespaces',
  title: 'user namespaces (native driver)',
  async run(context) {
    const answer = await probe(context, ['unshare', '--user', '--map-root-user', 'true']);
    if (answer?.works === true) return ok('can be made');
    return warn(
      'cannot be made: the native driver is refused without --unsafe-native',
      'sysctl user.max_user_namespaces=15000; on Ubuntu also kernel.apparmor_restrict_unprivileged_userns=0.',
    );
  },
};

interface CatalogEntry {
  name: string;
  layout: string;
  base: string;
  substitutedFor?: string;
}

const baseImages: Check = {
  id: 'base-images',
  title: 'base images',
  async run({ cacheDir }) {
    const dir = join(cacheDir, 'images');
    const catalog = await readJson<{ images: CatalogEntry[] }>(join(dir, 'catalog.json'));
    if (catalog === undefined) return fail(`none in ${dir}`, runSetupHint);
    const broken = catalog.images.filter(({ layout }) => !existsSync(join(dir, layout, 'index.json')));
    if (broken.length > 0)
      return fail(`${broken.map(({ name }) => name).join(', ')}: no layout`, runSetupHint);
    return ok(catalog.images.map(describeImage).join('; '));
  },
  repair: (context) => runSetup(context, 'npm', 'images'),
};

function describeImage({ name, base, substitutedFor }: CatalogEntry): string {
  return substitutedFor === undefined
    ? `${name} = ${base}`
    : `${name} = ${base}, in place of ${substitutedFor}`;
}

/** These files are our own set-up's; one that cannot be read counts as missing. */
async function readJson<T>(path: string): Promise<T | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as T;
  } catch {
    return undefined;
  }
}

export const runtimeChecks: readonly Check[] = [runsc, ociRuntime, userNamespaces, baseImages];
