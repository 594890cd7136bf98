import { arch } from 'node:os';
import { ApiError } from '@atoll/protocol';
import { isIndexType, isManifestType } from './oci-schema.ts';
import type { Descriptor } from './oci-schema.ts';

const architectures: Readonly<Record<string, string>> = {
  x64: 'amd64',
  arm64: 'arm64',
  arm: 'arm',
  ia32: '386',
};

/** This machine's architecture, as images name it. */
export const machineArchitecture = architectures[arch()] ?? arch();

/** Whether programs for this platform run here. */
export const isMachine = (platform: { os: string; architecture: string }): boolean =>
  platform.os === 'linux' && platform.architecture === machineArchitecture;

/**
 * The entry of an index for this machine. Attestations that builders put beside images have the platform
 * unknown/unknown and never match.
 */
export function choosePlatform(descriptors: readonly Descriptor[], where: string): Descriptor {
  const images = descriptors.filter(({ mediaType }) => isManifestType(mediaType) || isIndexType(mediaType));
  const chosen = findPlatform(images);
  if (chosen) return chosen;
  const offered = images.map(({ platform }) => `${platform?.os}/${platform?.architecture}`).join(', ');
  throw new ApiError(
    'unsupported',
    `no image for linux/${machineArchitecture} in ${where}; it has: ${offered || 'none'}`,
  );
}

/** As `choosePlatform`, where having none is no error. */
export function findPlatform(descriptors: readonly Descriptor[]): Descriptor | undefined {
  const images = descriptors.filter(({ mediaType }) => isManifestType(mediaType) || isIndexType(mediaType));
  const matching = images.find(({ platform }) => platform !== undefined && isMachine(platform));
  return matching ?? images.find(({ platform }) => platform === undefined);
}

/** Refuses an image whose programs this machine cannot run. */
export function verifyPlatform(config: { os: string; architecture: string }, digest: string): void {
  if (isMachine(config)) return;
  throw new ApiError(
    'unsupported',
    `image ${digest} is for ${config.os}/${config.architecture}, this machine is linux/${machineArchitecture}`,
  );
}
