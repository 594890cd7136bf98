/** Commands of package managers, as the image builder of the Blaxel clients writes them. */

export interface PipOptions {
  findLinks?: string;
  indexUrl?: string;
  extraIndexUrl?: string;
  pre?: boolean;
  extraOptions?: string;
}

export interface AptOptions {
  /** `apt-get update` first. Default true. */
  update?: boolean;
  /** Removes the package lists afterwards. Default true. */
  clean?: boolean;
}

export interface ApkOptions extends AptOptions {
  /** Keeps no index at all. Default true. */
  noCache?: boolean;
}

export interface NpmOptions {
  /** Default `npm`. */
  packageManager?: 'npm' | 'yarn' | 'pnpm' | 'bun';
  globalInstall?: boolean;
  saveDev?: boolean;
}

export interface GemOptions {
  /** Default true. */
  noDocument?: boolean;
}

export interface CargoOptions {
  locked?: boolean;
}

export interface ComposerOptions {
  noDev?: boolean;
  optimizeAutoloader?: boolean;
}

export interface UvOptions {
  /** Into the system's Python. Default true. */
  system?: boolean;
  upgrade?: boolean;
}

type Words = readonly (string | false | undefined)[];

/** The words that are there, with one space between them. */
const line = (...words: Words): string =>
  words
    .filter((word) => typeof word === 'string' && word !== '')
    .join(' ')
    .replace(/\s+/g, ' ')
    .trim();

const option = (name: string, value: string | undefined): string | false =>
  value !== undefined && value !== '' && `${name} ${value}`;

const steps = (...commands: Words): string => commands.filter(Boolean).join(' && ');

export const pipLine = (options: PipOptions, packages: readonly string[]): string =>
  line(
    'pip install',
    option('--find-links', options.findLinks),
    option('--index-url', options.indexUrl),
    option('--extra-index-url', options.extraIndexUrl),
    options.pre && '--pre',
    options.extraOptions,
    ...packages,
  );

export const aptLine = ({ update = true, clean = true }: AptOptions, packages: readonly string[]): string =>
  steps(
    update && 'apt-get update',
    `apt-get install -y --no-install-recommends ${packages.join(' ')}`,
    clean && 'rm -rf /var/lib/apt/lists/*',
  );

export function apkLine(
  { noCache = true, update = true, clean = true }: ApkOptions,
  packages: readonly string[],
): string {
  const names = packages.join(' ');
  if (noCache) return `apk add --no-cache ${names}`;
  return steps(update && 'apk update', `apk add ${names}`, clean && 'rm -rf /var/cache/apk/*');
}

/** Without packages: what the project's own files name. */
export function npmLine(
  { packageManager = 'npm', globalInstall = false, saveDev = false }: NpmOptions,
  packages: readonly string[],
): string {
  const manager = packageManager.toLowerCase();
  const add = addLines[manager];
  if (add === undefined)
    throw new TypeError(`Invalid package manager: ${manager}. Must be one of npm, yarn, pnpm, bun`);
  return packages.length === 0 ? `${manager} install` : line(...add(globalInstall, saveDev), ...packages);
}

const addLines: Readonly<Record<string, (isGlobal: boolean, isDev: boolean) => Words>> = {
  npm: (isGlobal, isDev) => ['npm install', isGlobal && '-g', isDev && '--save-dev'],
  yarn: (isGlobal, isDev) => ['yarn', isGlobal ? 'global add' : 'add', isDev && !isGlobal && '--dev'],
  pnpm: (isGlobal, isDev) => ['pnpm add', isGlobal && '-g', isDev && '-D'],
  bun: (isGlobal, isDev) => ['bun add', isGlobal && '-g', isDev && '-d'],
};

export const gemLine = ({ noDocument = true }: GemOptions, packages: readonly string[]): string =>
  line('gem install', noDocument && '--no-document', ...packages);

export const cargoLine = ({ locked = false }: CargoOptions, packages: readonly string[]): string =>
  line('cargo install', locked && '--locked', ...packages);

/** Without packages: what the project's own files name. */
export const composerLine = (
  { noDev = false, optimizeAutoloader = false }: ComposerOptions,
  packages: readonly string[],
): string =>
  line(
    packages.length === 0 ? 'composer install' : 'composer require',
    noDev && '--no-dev',
    optimizeAutoloader && '--optimize-autoloader',
    ...packages,
  );

export const uvLine = ({ system = true, upgrade = false }: UvOptions, packages: readonly string[]): string =>
  line('uv pip install', system && '--system', upgrade && '--upgrade', ...packages);

/** One command for each package, in one step. */
export const eachLine = (command: string, packages: readonly string[]): string =>
  packages.map((name) => `${command} ${name}`).join(' && ');
