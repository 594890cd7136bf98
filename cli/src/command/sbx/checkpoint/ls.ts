import type { SnapshotInfo } from '@atoll/sdk';
import { command } from '../../../command.ts';
import { formatBytes, formatTime, plural } from '../../../output/format.ts';

export const ls = command({
  name: 'ls',
  aliases: ['list'],
  summary: 'list snapshots',
  args: {},
  options: {},
  failure: 'list snapshots',
  run: async ({ context }) => {
    const found = await context.sandboxes.listSnapshots({ signal: context.signal });
    await context.output.result(found, () => {
      if (found.length === 0) return 'No snapshots found.';
      return `${context.output.table(header, found.map(toRow))}\n${plural(found.length, 'snapshot')}`;
    });
  },
});

const header = ['ID', 'Status', 'Type', 'Sandbox ID', 'Base Image', 'Size', 'Created At'];

const toRow = (snapshot: SnapshotInfo): string[] => [
  snapshot.snapshotId,
  snapshot.status,
  snapshot.snapshotType,
  snapshot.sandboxId,
  snapshot.baseImage ?? '-',
  snapshot.sizeBytes === undefined ? '-' : formatBytes(snapshot.sizeBytes),
  formatTime(snapshot.createdAt),
];
