import * as routes from '@atoll/protocol';
import type { Sandboxes } from '../../sandbox/sandboxes.ts';
import type { Snapshots } from '../../snapshot/snapshots.ts';
import { bind } from '../bind.ts';
import type { Binding } from '../bind.ts';
import { kindOf, toSnapshotInfo } from './snapshot-view.ts';

interface Parts {
  sandboxes: Sandboxes;
  snapshots: Snapshots;
}

/** Snapshots in the Tensorlake dialect (wire 1.5). */
export function snapshotRoutes({ sandboxes, snapshots }: Parts): Binding[] {
  return [
    bind(routes.createSnapshot, async ({ params, body }, context) => {
      const record = sandboxes.get(context.caller.workspace.id, params.id);
      context.target(record.id);
      const patienceMs = context.preferredWaitMs || undefined;
      const { id } = await sandboxes.snapshot(record, kindOf(body), patienceMs);
      // What clients expect to hear first; how far it is they ask for.
      return { snapshot_id: id, status: 'in_progress' as const };
    }),
    bind(routes.listSnapshots, (_input, { caller: { workspace } }) => ({
      snapshots: snapshots.list(workspace.id).map((record) => toSnapshotInfo(record, workspace.name)),
    })),
    bind(routes.listSandboxSnapshots, ({ params }, { caller: { workspace } }) => {
      const { id } = sandboxes.get(workspace.id, params.id);
      return {
        snapshots: snapshots.listOf(workspace.id, id).map((record) => toSnapshotInfo(record, workspace.name)),
      };
    }),
    bind(routes.getSnapshot, ({ params }, { caller: { workspace } }) =>
      toSnapshotInfo(snapshots.find(workspace.id, params.id), workspace.name),
    ),
    bind(routes.deleteSnapshot, ({ params }, context) => {
      context.target(params.id);
      snapshots.remove(context.caller.workspace.id, params.id);
    }),
  ];
}
