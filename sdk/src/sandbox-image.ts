import { AdminClient } from './admin-client.ts';
import type { ImageDetail, ImageInfo } from './admin-client.ts';
import type { WaitOptions } from './call-options.ts';
import type { ClientOptions } from './connection.ts';
import { RemoteAPIError } from './errors.ts';
import { Image } from './image.ts';
import { buildImage } from './image-build.ts';
import type { BuildImageOptions, BuiltImage } from './image-build.ts';

export interface SandboxImageOptions extends WaitOptions {
  /** How to reach the server; default as every client finds it. */
  connection?: ClientOptions | undefined;
}

/** Builds an `Image`, or the Dockerfile at a path, and registers it. */
export function createSandboxImage(
  source: string | Image,
  options: BuildImageOptions = {},
  { emit }: Pick<BuildImageOptions, 'emit'> = {},
): Promise<BuiltImage> {
  const all = { ...options, emit: emit ?? options.emit };
  return typeof source === 'string'
    ? buildImage({ kind: 'dockerfile', path: source }, all)
    : source.build(all);
}

/** The workspace's images and the public ones. */
export const listSandboxImages = (options: SandboxImageOptions = {}): Promise<ImageInfo[]> =>
  withClient(options, (client) => client.listImages(options));

/** Everything about an image, by name or id; null where there is none. */
export const findSandboxImageByName = (
  name: string,
  options: SandboxImageOptions = {},
): Promise<ImageDetail | null> =>
  withClient(options, (client) =>
    client.describeImage(name, options).catch((error: unknown) => {
      if (error instanceof RemoteAPIError && error.statusCode === 404) return null;
      throw error;
    }),
  );

/** Takes away the name of an image. */
export const deleteSandboxImage = (name: string, options: SandboxImageOptions = {}): Promise<void> =>
  withClient(options, (client) => client.removeImage(name, options));

export interface ImportSandboxImageOptions extends SandboxImageOptions {
  /** By default the last part of the reference, without tag and digest. */
  registeredName?: string | undefined;
  isPublic?: boolean | undefined;
}

/** Registers an image of another registry as it is. */
export const importSandboxImage = (
  reference: string,
  { registeredName, isPublic, ...options }: ImportSandboxImageOptions = {},
): Promise<ImageInfo> =>
  withClient(options, (client) =>
    client.importImage(reference, { ...options, name: registeredName, public: isPublic }),
  );

async function withClient<T>(
  { connection }: SandboxImageOptions,
  work: (client: AdminClient) => Promise<T>,
): Promise<T> {
  const client = new AdminClient(connection);
  try {
    return await work(client);
  } finally {
    client.close();
  }
}
