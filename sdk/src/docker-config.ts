import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { SandboxError } from './errors.ts';

/** Keys of registries as docker keeps them; what a server needs for one import. */
export interface DockerCredentials {
  auths: Record<string, DockerAuth>;
}

export interface DockerAuth {
  auth?: string;
  username?: string;
  password?: string;
  identitytoken?: string;
  registrytoken?: string;
}

interface DockerConfigFile {
  auths: Record<string, DockerAuth>;
  credHelpers: Record<string, string>;
  credsStore: string | undefined;
}

export interface DockerConfigSource {
  env?: NodeJS.ProcessEnv;
  signal?: AbortSignal | undefined;
}

const HELPER_TIMEOUT_MS = 30_000;
const hubKey = 'https://index.docker.io/v1/';
const hubNames = ['docker.io', 'index.docker.io', 'registry-1.docker.io'];

/**
 * The credentials that docker would use for an image, and no others: from `$DOCKER_CONFIG/config.json` or
 * `~/.docker/config.json`, and from the credential helpers that it names. Absent when there are none.
 */
export async function readDockerCredentials(
  reference: string,
  { env = process.env, signal }: DockerConfigSource = {},
): Promise<DockerCredentials | undefined> {
  const path = join(env['DOCKER_CONFIG'] || join(env['HOME'] || homedir(), '.docker'), 'config.json');
  const config = await readConfig(path);
  const key = config && registryKeyOf(reference);
  if (!config || key === undefined) return undefined;
  const names =
    key === hubKey
      ? [hubKey, ...hubNames]
      : [key, `https://${key}`, `https://${key}/v1/`, `https://${key}/v2/`];
  const helper = names.map((name) => config.credHelpers[name]).find(Boolean) ?? config.credsStore;
  const kept = helper === undefined ? undefined : await askHelper(helper, key, env, signal);
  if (kept) return { auths: { [key]: kept } };
  const fitting = Object.entries(config.auths).filter(
    ([name, auth]) => names.includes(name) || (hasSecret(auth) && name.startsWith(`${key}/`)),
  );
  const known = fitting.filter(([, auth]) => hasSecret(auth));
  return known.length === 0 ? undefined : { auths: Object.fromEntries(known) };
}

/** The same for several images: what docker would use for each of them, and nothing else. */
export async function readDockerCredentialsFor(
  references: readonly string[],
  source: DockerConfigSource = {},
): Promise<DockerCredentials | undefined> {
  const byRegistry = new Map(references.map((reference) => [registryKeyOf(reference), reference]));
  const auths: DockerCredentials['auths'] = {};
  for (const reference of byRegistry.values()) {
    Object.assign(auths, (await readDockerCredentials(reference, source))?.auths);
  }
  return Object.keys(auths).length === 0 ? undefined : { auths };
}

const hasSecret = (auth: DockerAuth): boolean =>
  Boolean(auth.auth || auth.username || auth.identitytoken || auth.registrytoken);

/** How docker files the registry of a reference. */
function registryKeyOf(reference: string): string {
  const slash = reference.indexOf('/');
  const first = reference.slice(0, Math.max(0, slash)).toLowerCase();
  const isHost = slash > 0 && (/[.:]/.test(first) || first === 'localhost');
  return isHost && !hubNames.includes(first) ? first : hubKey;
}

async function readConfig(path: string): Promise<DockerConfigFile | undefined> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw new SandboxError(`${path} cannot be read: ${error.message}`, { cause: error });
  });
  if (text === undefined) return undefined;
  try {
    return toConfig(JSON.parse(text));
  } catch {
    // The parser's own message would quote the file, which holds secrets.
    throw new SandboxError(`${path} is not valid JSON`, { hint: 'Repair it, or log in again.' });
  }
}

function toConfig(json: unknown): DockerConfigFile {
  const auths = Object.entries(recordOf(recordOf(json)['auths']));
  const helpers = Object.entries(recordOf(recordOf(json)['credHelpers']));
  const store = recordOf(json)['credsStore'];
  return {
    auths: Object.fromEntries(auths.map(([name, entry]) => [name, toAuth(recordOf(entry))])),
    credHelpers: Object.fromEntries(helpers.map(([name, helper]) => [name, String(helper)])),
    credsStore: typeof store === 'string' && store !== '' ? store : undefined,
  };
}

const recordOf = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? { ...value } : {};

const authFields = ['auth', 'username', 'password', 'identitytoken', 'registrytoken'] as const;

function toAuth(entry: Record<string, unknown>): DockerAuth {
  const auth: DockerAuth = {};
  for (const field of authFields) {
    const value = entry[field];
    if (typeof value === 'string' && value !== '') auth[field] = value;
  }
  return auth;
}

/** https://github.com/docker/docker-credential-helpers: the registry on stdin, JSON on stdout. */
async function askHelper(
  helper: string,
  registry: string,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal | undefined,
): Promise<DockerAuth | undefined> {
  if (!/^[A-Za-z0-9._-]+$/.test(helper)) throw new SandboxError(`not a credential helper: ${helper}`);
  const program = `docker-credential-${helper}`;
  const { code, stdout } = await runHelper(program, registry, env, signal);
  // Helpers say on standard output that they know nothing, and end with 1.
  if (code !== 0) {
    if (/credentials not found/i.test(stdout)) return undefined;
    throw new SandboxError(`${program} failed for ${registry}`, {
      hint: `Run \`${program} list\` to see why.`,
    });
  }
  const answer = recordOf(tryJson(stdout));
  const username = String(answer['Username'] ?? '');
  const secret = String(answer['Secret'] ?? '');
  if (secret === '') return undefined;
  return username === '<token>' ? { identitytoken: secret } : { username, password: secret };
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function runHelper(
  program: string,
  registry: string,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal | undefined,
): Promise<{ code: number | null; stdout: string }> {
  return new Promise((resolve, reject) => {
    const deadline = AbortSignal.timeout(HELPER_TIMEOUT_MS);
    const child = spawn(program, ['get'], {
      env,
      stdio: ['pipe', 'pipe', 'inherit'],
      signal: signal ? AbortSignal.any([signal, deadline]) : deadline,
    });
    let stdout = '';
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString('utf8');
    });
    child.once('error', (cause) => {
      const hint = `Install ${program}, or remove it from the docker configuration.`;
      reject(new SandboxError(`${program} cannot be run: ${cause.message}`, { cause, hint }));
    });
    child.once('close', (code) => resolve({ code, stdout }));
    child.stdin.on('error', () => {});
    child.stdin.end(registry);
  });
}
