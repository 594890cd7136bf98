import type { FileSystem } from '@atoll/sdk';
import { command } from '../../command.ts';
import { fileSystem } from '../../option/file-system.ts';
import { formatBytes, formatTime } from '../../output/format.ts';
import { formatFields } from '../../output/table.ts';

export const describe = command({
  name: 'describe',
  aliases: ['info'],
  summary: 'show everything about one file system',
  args: { fileSystem },
  options: {},
  failure: 'describe file system',
  run: async ({ args, context }) => {
    const found = await context.sandboxes.fileSystems.get(args.fileSystem, { signal: context.signal });
    await context.output.result(found, () => formatFields(fieldsOf(found)));
  },
});

function fieldsOf(found: FileSystem): (readonly [string, string | undefined])[] {
  const labels = Object.entries(found.labels).map(([name, value]) => `${name}=${value}`);
  return [
    ['Name', found.name],
    ['ID', found.id],
    ['Description', found.description],
    ['Status', found.status],
    ['Size', `${found.sizeMb} MB`],
    ['Used', formatBytes(found.usedBytes)],
    ['Labels', labels.length === 0 ? undefined : labels.join(', ')],
    ['From snapshot', found.originSnapshotId],
    ['Created', formatTime(found.createdAt)],
    ...found.attachedTo.map(
      ({ sandboxId, mountPath, readOnly }) =>
        ['Attached to', `${sandboxId} at ${mountPath}${readOnly ? ', read-only' : ''}`] as const,
    ),
  ];
}
