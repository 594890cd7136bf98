import { posix } from 'node:path';
import { ApiError } from '@atoll/protocol';
import type { RuntimeNeeds, TmpfsMount } from '../runtime/driver.ts';

/**
 * Labels by which an image says what it needs at run time (docs/images.md). Everybody who can push an image can write
 * them: whatever they may ask for has to end inside the sandbox's own kernel (SECURITY.md).
 */
export const needLabels = {
  init: 'dev.atoll.runtime.init',
  startup: 'dev.atoll.runtime.startup',
  cgroup: 'dev.atoll.runtime.cgroup',
  capabilities: 'dev.atoll.runtime.capabilities',
  tmpfs: 'dev.atoll.runtime.tmpfs',
  packetSockets: 'dev.atoll.runtime.packet-sockets',
} as const;

/** Reads the labels; absent when there are none of these. Throws `invalid_request` for a value that has no meaning. */
export function readRuntimeNeeds(labels: Readonly<Record<string, string>>): RuntimeNeeds | undefined {
  const given = Object.values(needLabels).filter((label) => Object.hasOwn(labels, label));
  if (given.length === 0) return undefined;
  for (const label of given) requireShort(label, labels[label] ?? '');
  const init = readProgram(needLabels.init, labels[needLabels.init]);
  const startup = readProgram(needLabels.startup, labels[needLabels.startup]);
  return {
    flavour: {
      cgroup: readChoice(needLabels.cgroup, labels[needLabels.cgroup] ?? 'v2', ['v1', 'v2']),
      packetSockets:
        readChoice(needLabels.packetSockets, labels[needLabels.packetSockets] ?? 'false', [
          'true',
          'false',
        ]) === 'true',
    },
    capabilities: readCapabilities(labels[needLabels.capabilities]),
    tmpfs: readTmpfs(labels[needLabels.tmpfs]),
    ...(init !== undefined && { init }),
    ...(startup !== undefined && { startup }),
  };
}

const MAX_VALUE_LENGTH = 4096;

function invalid(label: string, value: string, wanted: string): ApiError {
  const shown = JSON.stringify(value.slice(0, 200));
  return new ApiError('invalid_request', `the image's label ${label} is ${shown}; it must be ${wanted}`, {
    hint: 'docs/images.md lists the labels that an image can have.',
  });
}

function requireShort(label: string, value: string): void {
  if (value.length > MAX_VALUE_LENGTH) throw invalid(label, value, `at most ${MAX_VALUE_LENGTH} characters`);
}

function readChoice<T extends string>(label: string, value: string, choices: readonly T[]): T {
  const choice = choices.find((known) => known === value);
  if (choice === undefined) throw invalid(label, value, choices.join(' or '));
  return choice;
}

function readProgram(label: string, value: string | undefined): string | undefined {
  if (value === undefined || isPlainPath(value)) return value;
  throw invalid(label, value, 'the absolute path of a program');
}

/** A path that means the same to everyone who reads it. */
const isPlainPath = (path: string): boolean =>
  path.startsWith('/') &&
  path !== '/' &&
  posix.normalize(path) === path &&
  !path.endsWith('/') &&
  // eslint-disable-next-line no-control-regex -- these are what must not be there
  !/[\u0000-\u001f\u007f]/.test(path);

/** Of Linux 6; gVisor knows them by the same names. */
const knownCapabilities =
  `AUDIT_CONTROL AUDIT_READ AUDIT_WRITE BLOCK_SUSPEND BPF CHECKPOINT_RESTORE CHOWN DAC_OVERRIDE
  DAC_READ_SEARCH FOWNER FSETID IPC_LOCK IPC_OWNER KILL LEASE LINUX_IMMUTABLE MAC_ADMIN MAC_OVERRIDE MKNOD NET_ADMIN
  NET_BIND_SERVICE NET_BROADCAST NET_RAW PERFMON SETFCAP SETGID SETPCAP SETUID SYSLOG SYS_ADMIN SYS_BOOT SYS_CHROOT
  SYS_MODULE SYS_NICE SYS_PACCT SYS_PTRACE SYS_RAWIO SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG WAKE_ALARM`
    .split(/\s+/)
    .map((name) => `CAP_${name}`);

function readCapabilities(value = ''): string[] {
  const names = splitList(value);
  if (names.length === 1 && names[0] === 'ALL') return knownCapabilities;
  const known = names.every((name) => knownCapabilities.includes(name));
  if (known && names.length <= knownCapabilities.length) return names;
  throw invalid(needLabels.capabilities, value, 'ALL, or names such as CAP_NET_ADMIN, divided by commas');
}

const DEFAULT_TMPFS_MB = 64;
/** What a tmpfs holds is the sandbox's memory, whose limit holds in any case; the size is for programs that ask. */
const MAX_TMPFS_MB = 1024 * 1024;
const MAX_TMPFS = 16;
/** Where the runtime mounts things of its own. */
const takenPaths = ['/.atoll', '/proc', '/sys', '/dev'];

function readTmpfs(value = ''): TmpfsMount[] {
  const mounts = splitList(value).map((part) => readMount(part, value));
  const paths = new Set(mounts.map(({ path }) => path));
  if (mounts.length <= MAX_TMPFS && paths.size === mounts.length) return mounts;
  throw invalid(needLabels.tmpfs, value, `at most ${MAX_TMPFS} different folders`);
}

/** `/run` or `/run:size=128m`. */
function readMount(part: string, value: string): TmpfsMount {
  const [, path = '', size] = /^([^:]+)(?::size=(\d{1,7})m)?$/.exec(part) ?? [];
  const sizeMb = size === undefined ? DEFAULT_TMPFS_MB : Number(size);
  const isTaken = takenPaths.some((taken) => path === taken || path.startsWith(`${taken}/`));
  if (isPlainPath(path) && !isTaken && sizeMb > 0 && sizeMb <= MAX_TMPFS_MB) return { path, sizeMb };
  throw invalid(
    needLabels.tmpfs,
    value,
    `folders such as /run or /run:size=64m, divided by commas, outside of ${takenPaths.join(', ')}`,
  );
}

const splitList = (value: string): string[] =>
  value
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
