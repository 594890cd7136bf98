import * as protocol from '@atoll/protocol';
import type { Build, ImageInfo, WorkspaceEvent } from '@atoll/protocol';
import { toPoolInfo } from './pool-info.ts';
import type { SandboxPoolInfo } from './pool-info.ts';
import { toSandboxInfo } from './sandbox-info.ts';
import type { SandboxInfo } from './sandbox-info.ts';
import { toSnapshotInfo } from './snapshots.ts';
import type { SnapshotInfo } from './snapshots.ts';
import { withoutUndefined } from './without-undefined.ts';

interface Change<K extends string, T> {
  kind: K;
  /** The number of the event. */
  id: number;
  /** Id of what changed; an image: its name. */
  target: string;
  /** What it is; absent when it is gone. */
  now?: T;
}

/** An event of a workspace with what changed in the words of the SDK. */
export type WorkspaceChange =
  | Change<'sandbox', SandboxInfo>
  | Change<'snapshot', SnapshotInfo>
  | Change<'pool', SandboxPoolInfo>
  | Change<'build', Build>
  | Change<'image', ImageInfo>
  | { kind: 'following' | 'lost'; id: number };

/** Reads what an event carries, as the calls that get the same thing do. */
export function toWorkspaceChange(event: WorkspaceEvent): WorkspaceChange {
  if (!('target' in event)) return event;
  const { kind, id, target, now } = event;
  const about = { id, target };
  const read = <T>(parse: (wire: unknown) => T) => withoutUndefined({ now: now && parse(now) });
  switch (kind) {
    case 'sandbox':
      return { kind, ...about, ...read((wire) => toSandboxInfo(protocol.sandboxInfo.parse(wire))) };
    case 'snapshot':
      return { kind, ...about, ...read((wire) => toSnapshotInfo(protocol.snapshotInfo.parse(wire))) };
    case 'pool':
      return { kind, ...about, ...read((wire) => toPoolInfo(protocol.poolInfo.parse(wire))) };
    case 'build':
      return { kind, ...about, ...read((wire) => protocol.build.parse(wire)) };
    case 'image':
      return { kind, ...about, ...read((wire) => protocol.image.parse(wire)) };
  }
}
