import * as protocol from '@atoll/protocol';
import { uploadFolder } from '@atoll/sdk/blaxel';
import type { BlaxelConnection } from '@atoll/sdk/blaxel';
import { command } from '../../command.ts';
import type { Context } from '../../context.ts';
import { CliError } from '../../failure.ts';
import { buildOptions, readBuild, readUpload } from './build-option.ts';
import type { Build, BuildChoice } from './build-option.ts';
import { followImage } from './follow-build.ts';
import { connectBlaxel } from './option.ts';

export const push = command({
  name: 'push',
  summary: 'build the image of a project, without a sandbox',
  examples: ['push', 'push --name mytemplate --image docker.io/me/app:latest -c docker.io=me:password'],
  args: {},
  options: buildOptions,
  failure: 'push',
  run: async ({ options, context }) => {
    const build = await readBuild(context, options);
    const connection = connectBlaxel(context, { workspace: options.workspace ?? build.project.workspace });
    const isBuilt =
      build.image === undefined
        ? await pushSource(context, connection, build, options)
        : await pushReference(context, connection, build, options);
    if (isBuilt) await followImage(context, connection, build.name, build.signal);
    context.output.note(`Image sandbox/${build.name} built and pushed successfully!`);
    await context.output.line(`sandbox/${build.name}:latest`);
  },
});

async function pushSource(
  context: Context,
  connection: BlaxelConnection,
  build: Build,
  options: BuildChoice,
): Promise<boolean> {
  const { name, dir, signal } = build;
  const body = { name, resourceType: 'sandbox' as const };
  if (options.skipBuild) {
    const query = { 'skip-build': 'true' as const };
    const made = await connection.call(protocol.createBlaxelImage, { query, body }, { signal });
    return made.build === true;
  }
  context.output.note(`Packaging source code for sandbox/${name}...`);
  const upload = await readUpload(context, build, options);
  context.output.note('Requesting image build...');
  const input = { query: { upload: 'true' as const }, body };
  const response = await connection.stream(protocol.createBlaxelImage, input, { signal, repeatable: false });
  await response.body?.cancel();
  const url = response.headers.get('x-blaxel-upload-url');
  if (url === null) throw new CliError('the server gave no address to upload to');
  context.output.note('Uploading source code...');
  await uploadFolder(dir, url, upload);
  context.output.note('Upload completed');
  return true;
}

/** An image of another registry is brought in by the server. */
async function pushReference(
  context: Context,
  connection: BlaxelConnection,
  { name, image, dockerConfig, signal }: Build,
  { skipBuild }: BuildChoice,
): Promise<boolean> {
  context.output.note(`Requesting ${image}...`);
  const made = await connection.call(
    protocol.createBlaxelImage,
    {
      query: skipBuild ? { 'skip-build': 'true' as const } : {},
      body: { name, resourceType: 'sandbox' as const, image, dockerConfig },
    },
    { signal },
  );
  return made.build === true;
}
