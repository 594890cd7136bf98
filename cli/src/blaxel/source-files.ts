import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { ExtraFile } from '@atoll/sdk/blaxel';
import { createPathMatcher, parseDockerignore, PathPatternError } from '@atoll/protocol';
import type { PathMatcher } from '@atoll/protocol';
import { CliError } from '../failure.ts';
import type { Project } from './project-file.ts';

/** What stays on this machine where there is no `.blaxelignore`. */
const defaultIgnored = [
  '.blaxel',
  '.env.build',
  '.docker',
  '.git',
  'dist',
  '.venv',
  'venv',
  'node_modules',
  '.env',
  '.next',
  '__pycache__',
].flatMap((name) => [name, `**/${name}`]);

/** Never packed as they lie there: they hold secrets, and go along as they are meant for the build. */
const neverPacked = ['.env.build', '.docker'];

/** What of a project stays here. */
export async function readIgnored(dir: string): Promise<PathMatcher> {
  const path = join(dir, '.blaxelignore');
  const text = await readFile(path, 'utf8').catch(absentIfMissing);
  const patterns = text === undefined ? defaultIgnored : [...parseDockerignore(text), ...neverPacked];
  try {
    return createPathMatcher(patterns);
  } catch (error) {
    if (error instanceof PathPatternError) throw new CliError(`${path}: ${error.message}`);
    throw error;
  }
}

export interface CredentialOptions {
  dir: string;
  /** `registry=user:password`, the first to count. */
  registryCreds: readonly string[];
  /** Path of a docker configuration, the second. */
  dockerConfig: string | undefined;
}

/** The docker configuration for registries that want a login: as flags, a file that was named, or the project's own. */
export async function readRegistryCredentials(options: CredentialOptions): Promise<string | undefined> {
  if (options.registryCreds.length > 0)
    return JSON.stringify({ auths: Object.fromEntries(options.registryCreds.map(toAuth)) });
  const named = options.dockerConfig?.replace(/^~(?=\/)/, homedir());
  if (named !== undefined) {
    const text = await readFile(named, 'utf8').catch(absentIfMissing);
    if (text === undefined) throw new CliError(`there is no ${named}`);
    return checkedConfig(named, text);
  }
  const own = join(options.dir, '.docker', 'config.json');
  const text = await readFile(own, 'utf8').catch(absentIfMissing);
  return text === undefined ? undefined : checkedConfig(own, text);
}

function toAuth(given: string): [string, { auth: string }] {
  const [, registry, login] = /^([^=]+)=([^:]+:.+)$/.exec(given) ?? [];
  if (registry !== undefined && login !== undefined)
    return [registry, { auth: Buffer.from(login, 'utf8').toString('base64') }];
  throw new CliError('credentials of a registry are REGISTRY=USER:PASSWORD');
}

/** The file is passed on whole, so a wrong one is said here. What it holds is not. */
function checkedConfig(path: string, text: string): string {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === 'object' && parsed !== null) return JSON.stringify(parsed);
  } catch {
    // Said below, without the text of the file.
  }
  throw new CliError(`${path} is no docker configuration`);
}

/** Files that go along with a project: arguments of its build, and logins of registries. */
export async function readExtraFiles(
  dir: string,
  project: Project,
  given: { buildEnvFile: string | undefined; dockerConfig: string | undefined },
): Promise<ExtraFile[]> {
  const file = given.buildEnvFile ?? join(dir, '.env.build');
  const text = await readFile(file, 'utf8').catch(absentIfMissing);
  if (text === undefined && given.buildEnvFile !== undefined) throw new CliError(`there is no ${file}`);
  const args = Object.entries(project.build.args ?? {}).map(([name, value]) => `${name}=${value}`);
  const lines = [...args, ...(text === undefined ? [] : [text.trimEnd()])];
  return [
    ...(lines.length === 0 ? [] : [{ path: '.env.build', content: `${lines.join('\n')}\n` }]),
    ...(given.dockerConfig === undefined
      ? []
      : [{ path: '.docker/config.json', content: given.dockerConfig }]),
  ];
}

/** What a person should know before a build: the server adds the API that is missing. */
export async function warnOfDockerfile(dir: string, warn: (text: string) => void): Promise<void> {
  const path = join(dir, 'Dockerfile');
  if (!existsSync(path))
    throw new CliError(`there is no Dockerfile in ${dir}`, '`bl new sandbox DIR` makes one.');
  if ((await readFile(path, 'utf8')).includes('blaxel-ai/sandbox')) return;
  warn(
    '⚠️ Sandbox Configuration Warning: the Dockerfile has no COPY --from=ghcr.io/blaxel-ai/sandbox; the server adds the sandbox API itself.',
  );
}

function absentIfMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT') return undefined;
  throw new CliError(`${error.path} cannot be read: ${error.message}`);
}
