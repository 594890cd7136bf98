import { isIP } from 'node:net';
import { parseArgs } from 'node:util';
import { ConfigError } from './config-error.ts';
import { parseResolverAddress } from './network/resolver-list.ts';
import type { EgressLimits } from './network/ruleset.ts';
import { defaultAdmission } from './sandbox/admission.ts';
import type { AdmissionSettings } from './sandbox/admission.ts';
import type { TlsFiles } from './tls-context.ts';

const logLevels = ['trace', 'debug', 'info', 'warn', 'error'] as const;
export const runtimes = ['gvisor', 'native', 'fake'] as const;
export type RuntimeName = (typeof runtimes)[number];

/** The settings of a server, from flags and environment (`atoll server --help`). */
export interface ServerConfig {
  host: string;
  port: number;
  dataDir: string;
  runDir: string;
  cacheDir: string;
  /** Recipes of the images that are built on demand. */
  recipesDir: string;
  /** The built web console; it may be built while the server runs. */
  consoleDir: string;
  runtime: RuntimeName;
  unsafeNative: boolean;
  /** Control group below which those of sandboxes are made; `/` for the root. */
  cgroupParent: string;
  baseDomain?: string;
  trustProxy: boolean;
  /** Where SSH is served; absent where it is not. */
  ssh?: { host: string; port: number };
  tls?: TlsFiles;
  /** Whether exposed ports get ports of this machine's loopback as well. */
  localPorts: boolean;
  extraCaFile?: string;
  readySlots: number;
  /** After how long without a request a sandbox made by the Blaxel API stands by; 0 for never. */
  standbyAfterSecs: number;
  admission: AdmissionSettings;
  /** Instead of the host's. */
  resolvers?: readonly string[];
  /** What one sandbox may take of the way out. */
  egressLimits: EgressLimits;
  /** Registries beyond this machine that may be talked to without encryption. */
  insecureRegistries: readonly string[];
  agentBinary: string;
  idmapBinary: string;
  logLevel: string;
  /** The first admin key, given by the operator. */
  apiKey?: string;
}

export { ConfigError };

/** Whether only this machine can reach an address. */
export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));

export const serverFlags = {
  listen: { type: 'string', default: '127.0.0.1:8900', description: 'address to listen on' },
  'data-dir': { type: 'string', description: 'where everything is kept (ATOLL_DATA_DIR; /var/lib/atoll)' },
  runtime: {
    type: 'string',
    default: 'gvisor',
    description: 'gvisor, native (trusted work), or fake (no isolation)',
  },
  'unsafe-native': { type: 'boolean', default: false, description: 'allow native without user namespaces' },
  'cgroup-parent': {
    type: 'string',
    default: '/',
    description: 'control group above those of sandboxes, such as a delegated slice of systemd',
  },
  'base-domain': { type: 'string', description: 'DNS name below which sandboxes are addressed' },
  'tls-cert': { type: 'string', description: 'PEM file with the certificate chain to speak HTTPS with' },
  'tls-key': { type: 'string', description: 'PEM file with its key; both are read again when they change' },
  'ssh-listen': { type: 'string', description: 'address to serve SSH on, such as 0.0.0.0:2222; off without' },
  'local-ports': {
    type: 'boolean',
    default: false,
    description: 'give exposed ports a port on localhost too, as a server on the loopback always does',
  },
  'trust-proxy': { type: 'boolean', default: false, description: 'believe X-Forwarded-* of a reverse proxy' },
  'insecure-registry': {
    type: 'string',
    description: 'registries that may be talked to over plain HTTP, HOST[:PORT],…',
  },
  'extra-ca': { type: 'string', description: 'PEM file put into the trust store of every sandbox' },
  slots: { type: 'string', default: '2', description: 'sandboxes kept ready ahead of time' },
  'standby-after': {
    type: 'string',
    default: '15',
    description: 'seconds without a request after which a sandbox of the Blaxel API stands by; 0 for never',
  },
  'max-cpus': { type: 'string', description: 'largest cpus of a sandbox' },
  'max-memory-mb': { type: 'string', description: 'largest memory_mb of a sandbox' },
  'max-disk-mb': { type: 'string', description: 'largest disk_mb of a sandbox' },
  dns: {
    type: 'string',
    description: "resolvers that sandboxes' names are looked up at instead of the host's, ADDRESS[:PORT],…",
  },
  'network-mbit': {
    type: 'string',
    default: '1000',
    description: 'megabits a second that a sandbox may send, and receive; 0 for no limit',
  },
  'network-connections': {
    type: 'string',
    default: '500',
    description: 'connections a second that a sandbox may open outwards; 0 for no limit',
  },
  'log-level': { type: 'string', default: 'info', description: 'trace, debug, info, warn, error' },
} as const;

/** Reads the server's flags. Throws ConfigError. */
export function readConfig(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  projectRoot: string,
): ServerConfig {
  const flags = parseFlags(args);
  const { host, port } = parseListen(flags.listen);
  const dataDir = flags['data-dir'] ?? env['ATOLL_DATA_DIR'] ?? '/var/lib/atoll';
  const runtime = parseRuntime(flags.runtime);
  return {
    host,
    port,
    dataDir,
    // Without isolation no root is needed, and so no folder of root's.
    runDir: env['ATOLL_RUN_DIR'] ?? (runtime === 'fake' ? `${dataDir}/run` : '/run/atoll'),
    cacheDir: env['ATOLL_CACHE_DIR'] ?? `${env['HOME'] ?? '/root'}/.cache/atoll`,
    runtime,
    unsafeNative: flags['unsafe-native'],
    cgroupParent: parseCgroupParent(flags['cgroup-parent']),
    trustProxy: flags['trust-proxy'],
    localPorts: flags['local-ports'] || isLoopback(host),
    readySlots: parseCount('--slots', flags.slots, 0, 64),
    standbyAfterSecs: parseCount('--standby-after', flags['standby-after'], 0, 2 ** 31),
    admission: {
      ...defaultAdmission,
      ...(flags['max-cpus'] && { maxCpus: parseCount('--max-cpus', flags['max-cpus'], 1, 4096) }),
      ...(flags['max-memory-mb'] && {
        maxMemoryMb: parseCount('--max-memory-mb', flags['max-memory-mb'], 64, 2 ** 30),
      }),
      ...(flags['max-disk-mb'] && {
        maxDiskMb: parseCount('--max-disk-mb', flags['max-disk-mb'], 16, 2 ** 30),
      }),
    },
    egressLimits: {
      ...present('mbitPerSecond', parseCount('--network-mbit', flags['network-mbit'], 0, 400_000)),
      ...present(
        'newConnectionsPerSecond',
        parseCount('--network-connections', flags['network-connections'], 0, 1_000_000),
      ),
    },
    insecureRegistries: flags['insecure-registry']?.split(',') ?? [],
    recipesDir: env['ATOLL_RECIPES_DIR'] ?? `${projectRoot}/images/on-demand`,
    consoleDir: env['ATOLL_CONSOLE_DIR'] ?? `${projectRoot}/.build/console`,
    agentBinary: env['ATOLL_AGENT_BINARY'] ?? `${projectRoot}/.build/atoll-agent`,
    idmapBinary: env['ATOLL_IDMAP_BINARY'] ?? `${projectRoot}/.build/atoll-idmap`,
    logLevel: parseLogLevel(flags['log-level']),
    ...(flags.dns !== undefined && { resolvers: parseResolvers(flags.dns) }),
    ...(flags['base-domain'] !== undefined && { baseDomain: parseDomain(flags['base-domain']) }),
    ...(flags['ssh-listen'] !== undefined && { ssh: parseListen(flags['ssh-listen'], '--ssh-listen') }),
    ...parseTls(flags['tls-cert'], flags['tls-key']),
    ...(flags['extra-ca'] !== undefined && { extraCaFile: flags['extra-ca'] }),
    ...(env['ATOLL_API_KEY'] && { apiKey: parseApiKey(env['ATOLL_API_KEY']) }),
  };
}

/** 0 is no limit. */
const present = (name: keyof EgressLimits, value: number): EgressLimits =>
  value === 0 ? {} : { [name]: value };

function parseFlags(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: serverFlags, strict: true }).values;
  } catch (error) {
    throw new ConfigError(error instanceof Error ? error.message : String(error));
  }
}

function parseTls(certFile: string | undefined, keyFile: string | undefined): { tls?: TlsFiles } {
  if (certFile === undefined && keyFile === undefined) return {};
  if (certFile === undefined || keyFile === undefined)
    throw new ConfigError('--tls-cert and --tls-key are given together');
  return { tls: { certFile, keyFile } };
}

function parseListen(listen: string, flag = '--listen'): { host: string; port: number } {
  const [, host, port] = /^(?:\[?([^\]]*)\]?:)?(\d+)$/.exec(listen) ?? [];
  if (port === undefined || Number(port) > 65_535)
    throw new ConfigError(`${flag} ${listen} is not HOST:PORT`);
  return { host: host || '127.0.0.1', port: Number(port) };
}

function parseRuntime(name: string): RuntimeName {
  const found = runtimes.find((runtime) => runtime === name);
  if (!found) throw new ConfigError(`--runtime ${name} is none of ${runtimes.join(', ')}`);
  return found;
}

function parseResolvers(text: string): string[] {
  return text.split(',').map((resolver) => {
    if (parseResolverAddress(resolver) !== undefined) return resolver;
    throw new ConfigError(`--dns ${resolver} is no address, with or without a port`);
  });
}

function parseLogLevel(name: string): string {
  if (logLevels.some((level) => level === name)) return name;
  throw new ConfigError(`--log-level ${name} is none of ${logLevels.join(', ')}`);
}

function parseCgroupParent(path: string): string {
  const parts = path.split('/').slice(1);
  if (
    path === '/' ||
    (path.startsWith('/') && parts.every((part) => /^[\w@.:\\-]+$/.test(part) && !/^\.+$/.test(part)))
  )
    return path;
  throw new ConfigError(`--cgroup-parent ${path} is not the path of a control group such as /atoll.slice`);
}

/** Names of DNS, in lower case: what hosts are compared with. */
function parseDomain(given: string): string {
  const domain = given.toLowerCase();
  const isName = domain.length <= 190 && /^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.?)+$/.test(domain);
  if (isName && !domain.endsWith('.') && isIP(domain) === 0) return domain;
  throw new ConfigError(`--base-domain ${given} is not a DNS name such as sandboxes.example.com`);
}

function parseCount(flag: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new ConfigError(`${flag} ${text} is not a whole number from ${min} to ${max}`);
}

function parseApiKey(key: string): string {
  if (key.length >= 16 && /^[\x21-\x7e]+$/.test(key)) return key;
  throw new ConfigError('ATOLL_API_KEY has to have at least 16 visible characters');
}
