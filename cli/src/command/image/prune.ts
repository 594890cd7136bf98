import type { ImagePruneReport } from '@atoll/sdk';
import { command } from '../../command.ts';
import { formatBytes, plural } from '../../output/format.ts';
import { flag, number, value } from '../../parameter.ts';

const HOUR_MS = 3_600_000;
const DEFAULT_HOURS = 24;

export const prune = command({
  name: 'prune',
  summary: 'free the disk of images whose name has moved on, and of what nothing needs',
  examples: ['image prune --dry-run', 'image prune --older-than 0'],
  args: {},
  options: {
    olderThan: value(
      '--older-than <hours>',
      `only images without a name for this long (${DEFAULT_HOURS})`,
      number(0),
    ),
    dryRun: flag('--dry-run', 'show what would go and leave it'),
  },
  failure: 'prune images',
  run: async ({ options, context }) => {
    const { signal, output } = context;
    const olderThanMs = (options.olderThan ?? DEFAULT_HOURS) * HOUR_MS;
    const report = await context.admin.pruneImages({ olderThanMs, dryRun: options.dryRun, signal });
    await output.result(report, () => describe(report, options.dryRun));
  },
});

function describe(report: ImagePruneReport, dryRun: boolean): string {
  const lines = report.images.map(({ id, repository }) => `${id}  ${repository}`);
  const { blobCount, blobBytes, layerCount, layerBytes } = report;
  const what = `${plural(blobCount, 'blob')} and ${plural(layerCount, 'unpacked layer')}`;
  const size = formatBytes(blobBytes + layerBytes);
  lines.push(dryRun ? `Would free ${size}: ${what}.` : `Freed ${size}: ${what}.`);
  return lines.join('\n');
}
