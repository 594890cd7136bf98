import { loadConfig } from '#platform';
import type { Environment, LocalServer, Profile } from './config.ts';
import { SandboxError } from './errors.ts';

/** Which server, as whom. What is not given is looked for: see `resolveSettings`. */
export interface ConnectionOptions {
  /** Address of the server, e.g. `http://127.0.0.1:7070`. */
  apiUrl?: string;
  /** API key or personal access token. */
  apiKey?: string;
  /** The workspace to act in; `default` is the workspace of the key. */
  namespace?: string;
  /** Account that a personal access token acts for. */
  organizationId?: string;
  /** Workspace id that a personal access token acts for. */
  projectId?: string;
  /** A profile of `~/.config/atoll/config.toml`; it then outranks the environment. */
  profile?: string;
}

/** The outcome: every value with where it came from. */
export interface Settings {
  apiUrl: string;
  apiKey: string | undefined;
  namespace: string;
  organizationId: string | undefined;
  projectId: string | undefined;
  /** e.g. `ATOLL_URL`, `profile default`, `local server`. */
  apiUrlSource: string;
  apiKeySource: string | undefined;
}

/** Where settings are looked for; replaced in tests. */
export interface SettingsSources {
  env: Environment;
  readProfile(name: string | undefined): Promise<{ name: string; profile: Profile } | undefined>;
  readLocalServer(): Promise<LocalServer | undefined>;
}

interface Layer extends Omit<ConnectionOptions, 'profile'> {
  urlName: string;
  keyName: string;
}

/**
 * Options → a profile named in the options → `ATOLL_URL`, `ATOLL_API_KEY`, `ATOLL_NAMESPACE` →
 * `TENSORLAKE_API_URL`, `TENSORLAKE_API_KEY` or `TENSORLAKE_PAT`, `INDEXIFY_NAMESPACE`,
 * `TENSORLAKE_ORGANIZATION_ID`, `TENSORLAKE_PROJECT_ID` → the profile in use → the server on this machine.
 * The key of a profile or of the local server is only ever sent to that profile's or that server's address.
 */
export async function resolveSettings(
  options: ConnectionOptions,
  sources: SettingsSources = defaultSources(),
): Promise<Settings> {
  const given = [{ ...options, urlName: 'option', keyName: 'option' }];
  if (options.profile !== undefined) given.push(await namedProfile(options.profile, sources));
  else given.push(...environmentLayers(sources.env));
  const explicit = firstOfEach(given);
  if (explicit.apiUrl !== undefined && explicit.apiKey !== undefined) return settle([explicit]);
  const stored = options.profile === undefined ? await storedLayers(sources) : await localLayers(sources);
  return settle([explicit, ...stored]);
}

/** A key that was stored for one server must not reach another: each layer's key stays with its address. */
function settle([explicit, ...stored]: readonly Layer[]): Settings {
  const owner = [explicit, ...stored].find((layer) => layer?.apiUrl !== undefined);
  if (owner?.apiUrl === undefined) throw noServer();
  const apiUrl = checkedUrl(owner.apiUrl);
  const matching = stored.filter((layer) => layer.apiUrl !== undefined && isSameServer(layer.apiUrl, apiUrl));
  const { apiKey, keyName, ...scope } = firstOfEach([explicit ?? owner, ...matching]);
  return {
    apiUrl,
    apiKey,
    namespace: scope.namespace ?? 'default',
    organizationId: scope.organizationId,
    projectId: scope.projectId,
    apiUrlSource: owner.urlName,
    apiKeySource: apiKey === undefined ? undefined : keyName,
  };
}

function firstOfEach(layers: readonly Layer[]): Layer {
  const first = <K extends keyof Layer>(name: K) => layers.find((layer) => layer[name] !== undefined)?.[name];
  const withUrl = layers.find((layer) => layer.apiUrl !== undefined);
  const withKey = layers.find((layer) => layer.apiKey !== undefined);
  const merged: Layer = { urlName: withUrl?.urlName ?? 'option', keyName: withKey?.keyName ?? 'option' };
  for (const name of ['apiUrl', 'apiKey', 'namespace', 'organizationId', 'projectId'] as const) {
    const value = first(name);
    if (value !== undefined) merged[name] = value;
  }
  return merged;
}

function environmentLayers(env: Environment): Layer[] {
  const keyName = env['TENSORLAKE_API_KEY'] ? 'TENSORLAKE_API_KEY' : 'TENSORLAKE_PAT';
  return [
    layer('ATOLL_URL', 'ATOLL_API_KEY', [env['ATOLL_URL'], env['ATOLL_API_KEY'], env['ATOLL_NAMESPACE']]),
    layer('TENSORLAKE_API_URL', keyName, [
      env['TENSORLAKE_API_URL'],
      env[keyName],
      env['INDEXIFY_NAMESPACE'],
      env['TENSORLAKE_ORGANIZATION_ID'],
      env['TENSORLAKE_PROJECT_ID'],
    ]),
  ];
}

/** An empty variable counts as an absent one. */
function layer(urlName: string, keyName: string, values: readonly (string | undefined)[]): Layer {
  const names = ['apiUrl', 'apiKey', 'namespace', 'organizationId', 'projectId'];
  const given = names.flatMap((name, at) => (values[at] ? [[name, values[at]]] : []));
  return { urlName, keyName, ...Object.fromEntries(given) };
}

async function storedLayers(sources: SettingsSources): Promise<Layer[]> {
  const found = await sources.readProfile(sources.env['ATOLL_PROFILE'] || undefined);
  return [...(found === undefined ? [] : [profileLayer(found)]), ...(await localLayers(sources))];
}

async function localLayers(sources: SettingsSources): Promise<Layer[]> {
  const local = await sources.readLocalServer();
  return local === undefined ? [] : [layer('local server', 'local server', [local.url, local.apiKey])];
}

async function namedProfile(name: string, sources: SettingsSources): Promise<Layer> {
  const found = await sources.readProfile(name);
  if (found !== undefined) return profileLayer(found);
  throw new SandboxError(`no profile "${name}"`, { hint: `Make it with \`atoll login --profile ${name}\`.` });
}

const profileLayer = ({ name, profile }: { name: string; profile: Profile }): Layer => ({
  ...profile,
  apiUrl: profile.url,
  urlName: `profile ${name}`,
  keyName: `profile ${name}`,
});

const loopback = new Set(['localhost', '127.0.0.1', '[::1]']);

function isSameServer(a: string, b: string): boolean {
  const [one, other] = [new URL(a), new URL(b)];
  if (one.protocol !== other.protocol || one.port !== other.port) return false;
  return one.hostname === other.hostname || (loopback.has(one.hostname) && loopback.has(other.hostname));
}

function checkedUrl(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed && /^https?:$/.test(parsed.protocol)) return url.replace(/\/+$/, '');
  throw new SandboxError(`"${url}" is not the address of a server`, {
    hint: 'Use http://HOST:PORT or https://HOST.',
  });
}

const noServer = () =>
  new SandboxError('no server is known', {
    hint: 'Start one with `atoll server`, or name one with ATOLL_URL, --api-url or `atoll login`.',
  });

/** The real sources. Where there is no file system (a browser, an edge worker) only options count. */
function defaultSources(): SettingsSources {
  const host = (globalThis as { process?: { env: Environment; versions?: { node?: string } } }).process;
  const env = host?.env ?? {};
  const files = () => (host?.versions?.node === undefined ? undefined : loadConfig());
  return {
    env,
    readLocalServer: async () => (await files())?.readLocalServer(env),
    readProfile: async (asked) => {
      const config = await (await files())?.readConfig();
      const name = asked ?? config?.profile ?? 'default';
      const profile = config?.profiles[name];
      return profile && { name, profile };
    },
  };
}
