import { ApiError } from '@atoll/protocol';

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
  return parts.join('/');
}

export function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

export const baseOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

export function hostile(name: string, why: string): ApiError {
  return new ApiError('invalid_request', `the layer holds a name that ${why}: ${JSON.stringify(name)}`, {
    hint: 'Layers hold relative names inside their own tree.',
  });
}
