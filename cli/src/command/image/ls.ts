import type { ImageInfo } from '@atoll/sdk';
import { command } from '../../command.ts';
import { formatBytes, formatTime, plural } from '../../output/format.ts';

export const ls = command({
  name: 'ls',
  aliases: ['list'],
  summary: "list the workspace's images and the public ones",
  args: {},
  options: {},
  failure: 'list images',
  run: async ({ context }) => {
    const { output } = context;
    const images = await context.admin.listImages({ signal: context.signal });
    await output.result(images, () => {
      if (images.length === 0) return 'No images found.';
      const rows = images.map((image) => [
        image.name,
        image.id,
        formatBytes(image.sizeBytes),
        visibilityOf(image),
        image.base ?? '-',
        formatTime(image.createdAt),
      ]);
      return `${output.table(header, rows)}\n${plural(images.length, 'image')}`;
    });
  },
});

const visibilityOf = ({ public: isPublic, sharedFrom }: ImageInfo): string => {
  if (sharedFrom !== undefined) return `from ${sharedFrom}`;
  return isPublic ? 'public' : 'workspace';
};

const header = ['Name', 'ID', 'Size', 'Visible', 'Base', 'Created At'];
