import { ApiError } from '@atoll/protocol';

/** Folders that belong to the runtime: what is mounted there, or below, would hide what a sandbox needs. */
const reserved = ['/proc', '/sys', '/dev', '/.atoll'];
/** The whole of the sandbox, or what its programs cannot start without. */
const indispensable = [
  '/',
  '/bin',
  '/sbin',
  '/lib',
  '/lib64',
  '/usr',
  '/etc',
  '/run',
  '/var',
  '/tmp',
  '/root',
];

const MAX_LENGTH = 1024;
const MAX_MOUNTS = 16;

/** Refuses where no volume can be mounted. Links in the image are followed inside of the sandbox alone. */
export function checkMountPath(path: string): void {
  const problem = problemOf(path);
  if (problem !== undefined)
    throw new ApiError('invalid_request', `mount_path ${JSON.stringify(path.slice(0, 200))} ${problem}`, {
      hint: 'Use an absolute path of your own, such as /data or /mnt/skills.',
    });
}

function problemOf(path: string): string | undefined {
  if (!path.startsWith('/')) return 'is not absolute';
  if (Buffer.byteLength(path) > MAX_LENGTH) return `is longer than ${MAX_LENGTH} bytes`;
  // oxlint-disable-next-line no-control-regex -- control characters are what it looks for
  if (/[\u0000-\u001f\u007f:,\\]/.test(path)) return 'has a character that mount paths cannot have';
  if (
    path !== '/' &&
    path
      .slice(1)
      .split('/')
      .some((part) => ['', '.', '..'].includes(part))
  )
    return 'is not in its plain form, without "//", "." and ".." and without "/" at its end';
  if (indispensable.includes(path)) return 'is a folder that the sandbox needs';
  const taken = reserved.find((folder) => path === folder || path.startsWith(`${folder}/`));
  return taken && `is in ${taken}, which belongs to the runtime`;
}

/** Refuses paths that hide each other: which one a sandbox then saw would be a matter of order. */
export function checkMountPaths(paths: readonly string[]): void {
  if (paths.length > MAX_MOUNTS)
    throw new ApiError(
      'limit_exceeded',
      `${paths.length} file systems; a sandbox mounts at most ${MAX_MOUNTS}`,
    );
  paths.forEach(checkMountPath);
  for (const [index, path] of paths.entries()) {
    const other = paths.find((peer, at) => at !== index && (peer === path || peer.startsWith(`${path}/`)));
    if (other === undefined) continue;
    const how = other === path ? 'is used twice' : `hides ${other}`;
    throw new ApiError('invalid_request', `mount_path ${path} ${how}`);
  }
}
