import type { Readable } from 'node:stream';
import type { BuildEvent } from '@atoll/protocol';
import type { DockerConfig } from '../../image/remote/registry-credentials.ts';

/** What a builder asks for. Credentials live as long as the build and are in no record. */
export interface RelayedRequest {
  dockerfile: string;
  context: boolean;
  buildArgs: Readonly<Record<string, string>>;
  labels: Readonly<Record<string, string>>;
  secrets: ReadonlyMap<string, Buffer>;
  dockerConfig?: DockerConfig;
  noCache: boolean;
  cpus: number;
  memoryMb: number;
  builderDiskMb: number;
  isPublic?: boolean | undefined;
  noReplace: boolean;
}

/** Carries out builds; every way to begin one ends here. */
export interface BuildRunner {
  /** Begins a build; without a context it starts at once. */
  create(workspaceId: string, request: RelayedRequest): { id: string };
  /** Takes the context, and starts the build once it is whole. */
  upload(workspaceId: string, id: string, archive: Readable, signal: AbortSignal): Promise<unknown>;
  /** Everything that the build tells, from its start to its end. */
  events(
    workspaceId: string,
    id: string,
    reading: { after: number; follow: boolean; signal: AbortSignal },
  ): AsyncIterable<BuildEvent>;
  cancel(workspaceId: string, id: string): Promise<unknown>;
}
