/**
 * `@atoll/sdk/config`: the profiles in `~/.config/atoll/config.toml` and the files of a server on this machine.
 * Needs a file system, so the core imports it only where there is one.
 */
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { parse, stringify } from 'smol-toml';
import { SandboxError } from './errors.ts';
import { withoutUndefined } from './without-undefined.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** One server and how to speak to it. */
export interface Profile {
  /** e.g. `http://127.0.0.1:7070` */
  url: string;
  apiKey?: string;
  /** The workspace that commands act in. */
  namespace?: string;
  organizationId?: string;
  projectId?: string;
}

/** The contents of the config file. */
export interface Config {
  /** The profile in use when none is named. */
  profile: string;
  profiles: Record<string, Profile>;
}

const emptyConfig: Config = { profile: 'default', profiles: {} };

/** Where the profiles are: `$XDG_CONFIG_HOME/atoll/config.toml`, else `~/.config/atoll/config.toml`. */
export function configPath(env: Environment = process.env): string {
  const folder = env['XDG_CONFIG_HOME'] || join(env['HOME'] || homedir(), '.config');
  return join(folder, 'atoll', 'config.toml');
}

/** Reads the profiles; a missing file has none. Throws SandboxError where the file is not understood. */
export async function readConfig(path: string = configPath()): Promise<Config> {
  const text = await readIfThere(path);
  if (text === undefined) return structuredClone(emptyConfig);
  try {
    return fromToml(parse(text));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SandboxError(`${path} is not understood: ${reason}`, {
      cause: error,
      hint: 'Correct the file, or remove it and log in again.',
    });
  }
}

/** Writes the profiles whole, readable by their owner alone: they hold keys. */
export async function writeConfig(config: Config, path: string = configPath()): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.${process.pid}.tmp`;
  // A left-over of a killed process may have other permissions: `wx` refuses it, so it is removed first.
  await rm(temporary, { force: true });
  const file = await open(temporary, 'wx', 0o600);
  try {
    await file.writeFile(toToml(config));
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
}

/** The address and the first key of a server that runs on this machine. */
export interface LocalServer {
  url: string;
  /** Absent where this user may not read the key file. */
  apiKey?: string;
}

/**
 * Finds a server by its data directory: `$ATOLL_DATA_DIR`, else `/var/lib/atoll`. One that was killed leaves its file
 * behind, and by now anybody may listen at that address: only the address of a living server may be given the key.
 */
export async function readLocalServer(env: Environment = process.env): Promise<LocalServer | undefined> {
  const folder = env['ATOLL_DATA_DIR'] || '/var/lib/atoll';
  const written = parseServerFile(await readIfThere(join(folder, 'server.json')));
  if (written === undefined || !(await isAlive(written))) return undefined;
  const apiKey = (await readIfThere(join(folder, 'admin-key')))?.trim();
  return withoutUndefined({ url: reachableUrl(written.url), apiKey: apiKey || undefined });
}

interface ServerFile {
  url: string;
  pid: number;
  /** When the process began, in the kernel's own count: a number that is given again belongs to another process. */
  startTicks: number;
}

function parseServerFile(json: string | undefined): ServerFile | undefined {
  try {
    const value: unknown = JSON.parse(json ?? 'null');
    return isServerFile(value) && URL.canParse(value.url) ? value : undefined;
  } catch {
    return undefined; // the server is just writing it, or it is not ours
  }
}

const isServerFile = (value: unknown): value is ServerFile =>
  typeof value === 'object' &&
  value !== null &&
  'url' in value &&
  typeof value.url === 'string' &&
  'pid' in value &&
  Number.isInteger(value.pid) &&
  'startTicks' in value &&
  typeof value.startTicks === 'number';

/** `starttime` of proc_pid_stat(5), counted from behind the program's name, which may hold anything. */
async function isAlive({ pid, startTicks }: ServerFile): Promise<boolean> {
  const stat = await readIfThere(`/proc/${pid}/stat`);
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields?.[19]) === startTicks;
}

/** A server that listens on every address is reached on loopback. */
function reachableUrl(url: string): string {
  const address = new URL(url);
  if (address.hostname === '0.0.0.0') address.hostname = '127.0.0.1';
  if (address.hostname === '[::]') address.hostname = '[::1]';
  return address.origin;
}

const absentCodes: ReadonlySet<unknown> = new Set(['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'ESRCH']);

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && absentCodes.has(error.code)) return undefined;
    throw error;
  }
}

const fieldNames = {
  url: 'url',
  apiKey: 'api_key',
  namespace: 'namespace',
  organizationId: 'organization_id',
  projectId: 'project_id',
} as const;

function fromToml(document: Record<string, unknown>): Config {
  const { profile = emptyConfig.profile, profiles = {} } = document;
  if (typeof profile !== 'string') throw new TypeError('`profile` must be the name of a profile');
  if (!isTable(profiles)) throw new TypeError('`profiles` must be a table');
  const read = Object.entries(profiles).map(([name, fields]) => [name, readProfile(name, fields)] as const);
  return { profile, profiles: Object.fromEntries(read) };
}

function readProfile(name: string, fields: unknown): Profile {
  if (!isTable(fields)) throw new TypeError(`profile "${name}" must be a table`);
  const text = (key: keyof typeof fieldNames) => {
    const value = fields[fieldNames[key]];
    if (value === undefined || typeof value === 'string') return value;
    throw new TypeError(`${fieldNames[key]} of profile "${name}" must be a string`);
  };
  const url = text('url');
  if (url === undefined || !URL.canParse(url)) throw new TypeError(`profile "${name}" needs a url`);
  const rest = { apiKey: text('apiKey'), namespace: text('namespace') };
  return withoutUndefined({
    url,
    ...rest,
    organizationId: text('organizationId'),
    projectId: text('projectId'),
  });
}

function toToml(config: Config): string {
  const profiles = Object.entries(config.profiles).map(([name, profile]) => {
    const fields = Object.entries(profile).map(([key, value]) => [fieldNames[key as keyof Profile], value]);
    return [name, Object.fromEntries(fields)];
  });
  return `${stringify({ profile: config.profile, profiles: Object.fromEntries(profiles) })}\n`;
}

const isTable = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
