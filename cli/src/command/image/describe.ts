import type { ImageDetail } from '@atoll/sdk';
import { command } from '../../command.ts';
import { formatBytes, formatTime } from '../../output/format.ts';
import { formatFields } from '../../output/table.ts';
import { required } from '../../parameter.ts';

export const describe = command({
  name: 'describe',
  aliases: ['info'],
  summary: 'show everything about one image',
  args: { image: required('image', 'name of the image') },
  options: {},
  failure: 'describe image',
  run: async ({ args, context }) => {
    const image = await context.admin.describeImage(args.image, { signal: context.signal });
    await context.output.result(image, () => formatFields(fieldsOf(image)) + dockerfileOf(image));
  },
});

/** Below the fields: it has lines of its own. */
const dockerfileOf = ({ dockerfile }: ImageDetail): string =>
  dockerfile === undefined ? '' : `\nDockerfile:\n${dockerfile.trimEnd().replace(/^/gm, '  ')}`;

function fieldsOf(image: ImageDetail): (readonly [string, string | undefined])[] {
  const { substitution } = image;
  return [
    ['Name', image.name],
    ['ID', image.id],
    ['Digest', image.digest],
    ['Size', formatBytes(image.sizeBytes)],
    ['Unique', image.uniqueBytes === undefined ? undefined : formatBytes(image.uniqueBytes)],
    ['Unpacked', image.unpackedBytes === undefined ? undefined : formatBytes(image.unpackedBytes)],
    ['Layers', String(image.layerCount)],
    ['Visible', image.public ? 'public' : 'workspace'],
    ['Shared from', image.sharedFrom],
    ['Base', image.base],
    ['Stands in for', substitution && `${substitution.substitutedFor} (${substitution.reason})`],
    ['Created', formatTime(image.createdAt)],
    ['Build', image.buildId],
    ['Snapshot ID', image.snapshotId],
    ['Made by', image.createdBy],
    ['Disk', image.diskMb === undefined ? undefined : `${image.diskMb} MB`],
    ['User', image.user],
    ['Working dir', image.workingDir],
    ['Entrypoint', image.entrypoint.join(' ')],
    ['Command', image.cmd.join(' ')],
    ...Object.entries(image.env).map(([name, value]) => ['Env', `${name}=${value}`] as const),
    ...Object.entries(image.labels).map(([name, value]) => ['Label', `${name}=${value}`] as const),
  ];
}
