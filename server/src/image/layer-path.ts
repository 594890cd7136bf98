import { dirname } from 'node:path';
import { ApiError } from '@atoll/protocol';
import { AGENT_PATH, IDENTITY_PATH } from '../runtime/oci-spec.ts';

/** Far beyond any real tree, and far below what Linux names can express (2,047): work grows with depth. */
const MAX_DEPTH = 256;

/**
 * A member's name as the path below the layer's root ('' is the root itself), without '.', '//' and a
 * final '/'. Throws for what could point elsewhere.
 */
export function layerPath(name: string): string {
  if (name === '') throw hostile(name, 'is empty');
  if (name.startsWith('/')) throw hostile(name, 'is absolute');
  if (name.includes('\0')) throw hostile(name, 'holds a NUL byte');
  if (name.length > 4095) throw hostile(`${name.slice(0, 100)}…`, 'is longer than Linux allows');
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) throw hostile(name, 'leaves the layer by ".."');
  if (parts.length > MAX_DEPTH)
    throw hostile(`${name.slice(0, 100)}…`, `is deeper than ${MAX_DEPTH} directories`);
  return parts.join('/');
}

export function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

export const baseOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

const mountPoints = [AGENT_PATH, IDENTITY_PATH].map((path) => path.slice(1));
const mountPointDir = dirname(AGENT_PATH).slice(1);

/**
 * Throws for members that would stand in the way of the runtime's own mounts, whose places lie below all layers:
 * nothing of a layer may replace them or hide them, or no sandbox of the image could start.
 */
export function verifyNotReserved(path: string, isDirectory: boolean): void {
  const isTaken = path === mountPointDir && !isDirectory;
  if (!isTaken && !mountPoints.some((taken) => path === taken || path.startsWith(`${taken}/`))) return;
  throw new ApiError('invalid_request', `the layer replaces or removes /${path}, which belongs to Atoll`, {
    hint: `Build the image without /${mountPointDir}: sandboxes have their agent mounted there.`,
  });
}

/** Whether a path belongs to the runtime: the folder of its mounts, and what is in it. */
export const isReserved = (path: string): boolean =>
  path === mountPointDir || path.startsWith(`${mountPointDir}/`);

export function hostile(name: string, why: string): ApiError {
  return new ApiError('invalid_request', `the layer holds a name that ${why}: ${JSON.stringify(name)}`, {
    hint: 'Layers hold relative names inside their own tree.',
  });
}
