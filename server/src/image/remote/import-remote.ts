import { ApiError } from '@atoll/protocol';
import { keptLease } from '../image-records.ts';
import type { ImageRecords } from '../image-records.ts';
import { parseName } from '../image-names.ts';
import type { LayoutImage } from '../oci-layout.ts';
import type { RepositoryRecords } from '../registry/repository-records.ts';
import type { createPuller, PullEvent } from './pull-image.ts';
import { createPullTurns } from './pull-turns.ts';
import { findCredentials } from './registry-credentials.ts';
import type { DockerConfig } from './registry-credentials.ts';
import type { RegistryLogins } from './registry-logins.ts';
import { parseRemoteReference, showReference } from './remote-reference.ts';
import type { RemoteReference } from './remote-reference.ts';

/** An image of another registry, and the name that it gets here. */
export interface RemoteImport {
  workspaceId: string;
  reference: string;
  /** By default the last part of the reference's name, with its tag. */
  name?: string;
  isPublic?: boolean;
  /** For this import alone; by default the workspace's login at the registry counts. */
  dockerConfig?: DockerConfig;
}

export type ImportEvent = PullEvent | { status: 'unpacking' };

export interface ImportHooks {
  signal: AbortSignal;
  onProgress?: (event: ImportEvent) => void;
}

interface Options {
  pull: ReturnType<typeof createPuller>['pull'];
  records: ImageRecords;
  repositories: RepositoryRecords;
  /** Absent: only what a request brings along counts. */
  logins: Pick<RegistryLogins, 'find'> | undefined;
  /** Absent where layers are unpacked on first use. */
  unpack?: (manifestDigest: string, signal: AbortSignal) => Promise<void>;
}

export type RemoteImporter = ReturnType<typeof createRemoteImporter>;

/** Brings in images of other registries. */
export function createRemoteImporter({ pull: pullAny, records, repositories, logins, unpack }: Options) {
  const turns = createPullTurns();
  const sourceOf = (workspaceId: string, reference: RemoteReference, config: DockerConfig | undefined) => {
    const brought = config && findCredentials(config, reference);
    const credentials = brought ?? logins?.find(workspaceId, reference);
    return {
      reference,
      ...(credentials && { credentials }),
      isKnown: (digest: string) => repositories.isVisible(workspaceId, digest),
    };
  };
  return {
    /**
     * Fetches an image for a build or the like; `use` has to give it to somebody, for nothing else holds it then. Its
     * blobs are kept for a while all the same: builds that fail are tried again, and the next try goes on from there.
     */
    pullImage: <T>(
      workspaceId: string,
      reference: string,
      hooks: ImportHooks & { dockerConfig?: DockerConfig },
      use: (manifestDigest: string) => Promise<T> | T,
    ): Promise<T> => {
      const source = sourceOf(workspaceId, parseRemoteReference(reference), hooks.dockerConfig);
      const { signal, onProgress = () => {} } = hooks;
      const kept = keptLease(workspaceId);
      const keeping = {
        isKnown: (digest: string) => source.isKnown(digest) || records.isLeased(kept, digest),
        onFetched: (digest: string) => records.lease(kept, [digest]),
      };
      return turns
        .queue(workspaceId, signal, () =>
          pullAny({ ...source, ...keeping, signal, onProgress }, async (image) => {
            records.addManifest(image);
            return use(image.descriptor.digest);
          }),
        )
        .catch((error: unknown) => {
          // A full disk needs the room more than the next try does.
          if (error instanceof ApiError && error.code === 'host_out_of_disk') records.endLease(kept);
          throw error;
        });
    },
    /** Checks what can be checked before anything is fetched, and returns the work. */
    prepare: (request: RemoteImport): ((hooks: ImportHooks) => Promise<string>) => {
      const { workspaceId } = request;
      const reference = parseRemoteReference(request.reference);
      const name = parseName(workspaceId, request.name ?? defaultName(request.reference));
      const at = { workspaceId, ...name };
      const isPublic = request.isPublic ?? repositories.isPublic(at) ?? false;
      const registration = { ...at, isPublic, base: showReference(reference) };
      records.verifyOwner(registration);
      return ({ signal, onProgress = () => {} }) => {
        const source = sourceOf(workspaceId, reference, request.dockerConfig);
        const name = async (image: LayoutImage): Promise<string> => {
          const { digest } = image.descriptor;
          records.addManifest(image);
          onProgress({ status: 'unpacking' });
          await unpack?.(digest, signal);
          signal.throwIfAborted();
          return records.register(registration, digest);
        };
        return turns.runNow(workspaceId, signal, () => pullAny({ ...source, signal, onProgress }, name));
      };
    },
  };
}

/** `ghcr.io/org/app:1.0@sha256:…` becomes `app:1.0`. */
function defaultName(reference: string): string {
  const [name = ''] = reference.split('@', 1);
  return name.slice(name.lastIndexOf('/') + 1);
}
