import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { contained, spawnStream } from './child-stream.ts';
import { layoutName } from './recipe.ts';
import type { DebianSource, Recipe, RootfsStream, SourceContext } from './recipe.ts';

export interface DebianArchive {
  main: string;
  security: string;
}

const publicArchive: DebianArchive = {
  main: 'http://deb.debian.org/debian',
  security: 'http://deb.debian.org/debian-security',
};

/** Documentation and translations stay out, as in other minimal images; licences stay in. */
const pathRules = [
  'path-exclude=/usr/share/doc/*',
  'path-include=/usr/share/doc/*/copyright',
  'path-exclude=/usr/share/man/*',
  'path-exclude=/usr/share/info/*',
  'path-exclude=/usr/share/locale/*',
  'path-include=/usr/share/locale/locale.alias',
];

/** Makes a Debian root file system from the package archive. */
export async function openDebian(
  recipe: Recipe,
  source: DebianSource,
  context: SourceContext,
): Promise<RootfsStream> {
  const { archive, changed } = await chooseArchive(source.suite, context.signal);
  const child = spawnStream(bootstrapCommand(recipe, source.suite, archive, context.imagesDir), {
    env: { SOURCE_DATE_EPOCH: String(Math.floor(changed.getTime() / 1000)), TMPDIR: context.tempDir },
    signal: context.signal,
  });
  return { tar: child.stdout, created: changed, ended: child.ended };
}

function bootstrapCommand(
  recipe: Recipe,
  suite: string,
  archive: DebianArchive,
  imagesDir: string,
): [string, ...string[]] {
  return [
    ...contained,
    'mmdebstrap',
    '--mode=root',
    '--variant=minbase',
    '--format=tar',
    '--aptopt=Acquire::Retries "3"',
    `--include=${recipe.packages.join(',')}`,
    ...pathRules.map((rule) => `--dpkgopt=${rule}`),
    `--customize-hook=${join(imagesDir, layoutName(recipe), 'finish.sh')}`,
    `--customize-hook=${join(imagesDir, 'customize.sh')}`,
    suite,
    '-',
    `deb ${archive.main} ${suite} main`,
    `deb ${archive.main} ${suite}-updates main`,
    `deb ${archive.security} ${suite}-security main`,
  ];
}

/**
 * The archive to build from and when it last changed: what ATOLL_DEBIAN_MIRROR and
 * ATOLL_DEBIAN_SECURITY_MIRROR say, else the mirror that this host's apt uses, else the public one.
 * It is never written into the image.
 */
async function chooseArchive(
  suite: string,
  signal: AbortSignal,
): Promise<{ archive: DebianArchive; changed: Date }> {
  const preferred = { ...publicArchive, ...hostArchive(), ...archiveFromEnv(process.env) };
  for (const archive of [preferred, publicArchive]) {
    const changed = await archiveDate(archive, suite, signal);
    if (changed !== undefined) return { archive, changed };
  }
  return { archive: preferred, changed: new Date() };
}

function archiveFromEnv(env: NodeJS.ProcessEnv): Partial<DebianArchive> {
  const main = env['ATOLL_DEBIAN_MIRROR'];
  const security = env['ATOLL_DEBIAN_SECURITY_MIRROR'];
  return { ...(main !== undefined && { main }), ...(security !== undefined && { security }) };
}

function hostArchive(): Partial<DebianArchive> {
  let targets: string;
  try {
    targets = execFileSync(
      'apt-get',
      ['indextargets', '--format', '$(ORIGIN) $(LABEL) $(REPO_URI)', 'Created-By: Packages'],
      { encoding: 'utf8', timeout: 20_000, stdio: ['ignore', 'pipe', 'ignore'] },
    );
  } catch {
    return {};
  }
  return parseArchive(targets);
}

/** Finds Debian's own archives among lines of `ORIGIN LABEL URI`, as apt lists its sources. */
export function parseArchive(targets: string): Partial<DebianArchive> {
  const uriOf = (label: string): string | undefined =>
    targets.match(new RegExp(`^Debian ${label} (https?://\\S+?)/?$`, 'm'))?.[1];
  const main = uriOf('Debian');
  const security = uriOf('Debian-Security');
  return { ...(main !== undefined && { main }), ...(security !== undefined && { security }) };
}

/**
 * When the archive last changed. The image takes this as its time, so that the same archive gives the same
 * image, and so that no file of a package is newer: a clamped time would invalidate Python's compiled files.
 */
async function archiveDate(
  archive: DebianArchive,
  suite: string,
  signal: AbortSignal,
): Promise<Date | undefined> {
  const releases = [
    `${archive.main}/dists/${suite}/InRelease`,
    `${archive.main}/dists/${suite}-updates/InRelease`,
    `${archive.security}/dists/${suite}-security/InRelease`,
  ];
  try {
    const dates = await Promise.all(releases.map((url) => releaseDate(url, signal)));
    return new Date(Math.max(...dates));
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}

async function releaseDate(url: string, signal: AbortSignal): Promise<number> {
  const response = await fetch(url, { signal: AbortSignal.any([signal, AbortSignal.timeout(20_000)]) });
  if (!response.ok) throw new Error(`${url}: status ${response.status}`);
  const date = Date.parse((await response.text()).match(/^Date: (.+)$/m)?.[1] ?? '');
  if (Number.isNaN(date)) throw new Error(`${url}: no date`);
  return date;
}
