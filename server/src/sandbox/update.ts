import { ApiError } from '@atoll/protocol';
import type { OnCrash, SandboxRecord } from '../store/sandbox-store.ts';
import { requireCheckpoints } from './checkpoint.ts';
import type { SandboxContext } from './context.ts';
import type { Directory } from './directory.ts';
import { checkPorts } from './exposure.ts';
import type { Exposure } from './exposure.ts';
import { checkName } from './name.ts';

/** What of a sandbox may change while it lives; absent fields stay. */
export interface SandboxUpdate extends Partial<Exposure> {
  name?: string;
  onCrash?: OnCrash;
  /** Since when nothing wakes it; `null` lets it wake again. */
  deactivatedAt?: number | null;
  /** `null` takes the limit away. */
  expiresAt?: number | null;
  idleLimitSecs?: number | null;
}

/** What of an update is new. */
function changeOf(record: SandboxRecord, update: SandboxUpdate): SandboxUpdate {
  const { name, onCrash, allowUnauthenticated, deactivatedAt, expiresAt, idleLimitSecs } = update;
  if (name !== undefined) checkName(name);
  const exposedPorts = update.exposedPorts && checkPorts(update.exposedPorts);
  return {
    ...(name !== undefined && name !== record.name && { name }),
    ...(onCrash !== undefined && onCrash !== (record.onCrash ?? 'terminate') && { onCrash }),
    ...(deactivatedAt !== undefined &&
      (deactivatedAt === null) !== (record.deactivatedAt === undefined) && { deactivatedAt }),
    ...(exposedPorts && exposedPorts.join() !== record.exposedPorts.join() && { exposedPorts }),
    ...(allowUnauthenticated !== undefined &&
      allowUnauthenticated !== record.allowUnauthenticated && { allowUnauthenticated }),
    ...(expiresAt !== undefined && expiresAt !== (record.expiresAt ?? null) && { expiresAt }),
    ...(idleLimitSecs !== undefined && idleLimitSecs !== (record.idleLimitSecs ?? null) && { idleLimitSecs }),
  };
}

type Listen = (record: SandboxRecord) => void;

/** What of a sandbox its owner changes while it lives, and who is told when that is an exposed port. */
export function createUpdates(
  { store, driver }: Pick<SandboxContext, 'store' | 'driver'>,
  directory: Directory,
) {
  const listeners: Listen[] = [];
  const announce: Listen = (record) => listeners.forEach((listen) => listen(record));

  /** What an update changes; throws where it may not. */
  const admitUpdate = (workspaceId: string, identifier: string, update: SandboxUpdate) => {
    const record = directory.find(workspaceId, identifier);
    const change = changeOf(record, update);
    if (change.onCrash === 'restore') requireCheckpoints({ driver });
    if (change.name !== undefined) directory.requireFreeName(workspaceId, change.name);
    if (Object.keys(change).length > 0 && record.terminatedAt !== undefined)
      throw new ApiError('invalid_state', `sandbox ${record.id} has ended`);
    return { record, change };
  };

  const calls = {
    /** Throws where `update` would. */
    requireUpdatable: (workspaceId: string, identifier: string, update: SandboxUpdate): void =>
      void admitUpdate(workspaceId, identifier, update),
    /** Changes name, exposed ports and limits of its life, all of it or nothing. */
    update: (workspaceId: string, identifier: string, update: SandboxUpdate): SandboxRecord => {
      const { record, change } = admitUpdate(workspaceId, identifier, update);
      if (Object.keys(change).length === 0) return record;
      store.change(record, record.operation, change);
      const changed = directory.find(workspaceId, record.id);
      if (change.exposedPorts !== undefined || change.allowUnauthenticated !== undefined) announce(changed);
      return changed;
    },
    /** The sandbox of whichever workspace that lets anybody reach one of its ports. */
    findPublic: (id: string, port: number): SandboxRecord | undefined => {
      const record = store.byIdAnywhere(id);
      return record?.allowUnauthenticated && record.exposedPorts.includes(port) ? record : undefined;
    },
    /** Living sandboxes that have exposed ports. */
    exposing: () => store.exposing(),
    /** Told when exposed ports change, or who may reach them. */
    onExposure: (listen: Listen): void => void listeners.push(listen),
  };
  return { calls, announce };
}
