import { setTimeout as delay } from 'node:timers/promises';
import * as protocol from '@atoll/protocol';
import type { BlaxelImage, BlaxelSandbox } from '@atoll/protocol';
import { SandboxInstance } from '@atoll/sdk/blaxel';
import type { BlaxelConnection } from '@atoll/sdk/blaxel';
import { command } from '../../command.ts';
import type { Context } from '../../context.ts';
import { CliError, UsageError } from '../../failure.ts';
import { formatBytes } from '../../output/format.ts';
import { flag, integer, optional, required, value } from '../../parameter.ts';
import { blOptions, connectBlaxel, print } from './option.ts';
import { imageReferenceOf, resourceOf } from './resource.ts';

const options = {
  ...blOptions,
  latest: flag('--latest', 'of an image: print its newest tag alone'),
  watch: flag('--watch', 'of a sandbox: print its status until it is deployed or has failed'),
  limit: value('--limit <count>', 'how many sandboxes', integer(1, 200)),
};

export const get = command({
  name: 'get',
  summary: 'show sandboxes, images or workspaces',
  examples: ['get sandboxes', 'get sandbox mytemplate --watch', 'get image sandbox/mytemplate --latest'],
  args: {
    resource: required('resource', 'sandbox, image, workspace or sandbox-hub'),
    name: optional('name', 'one of them; all without'),
    part: optional('part', 'of a sandbox: processes'),
  },
  options,
  failure: 'get',
  run: async ({ args, options: chosen, context }) => {
    const connection = connectBlaxel(context, chosen);
    const resource = resourceOf(args.resource, ['sandbox', 'image', 'workspace', 'hub']);
    if (resource === 'workspace') return getWorkspaces(context, connection, chosen);
    if (resource === 'hub') return getHub(context, connection, chosen);
    if (resource === 'image') return getImages(context, connection, chosen, args.name);
    if (args.name === undefined) return getSandboxes(context, connection, chosen);
    if (args.part !== undefined) return getPart(context, chosen, args.name, args.part);
    if (chosen.watch) return watch(context, connection, args.name);
    const sandbox = await findSandbox(connection, args.name, context.signal);
    return print(context, chosen, sandbox, () => sandboxTable(context, [sandbox]));
  },
});

type Chosen = { [K in keyof typeof options]: ReturnType<(typeof options)[K]['read']> };

const findSandbox = (connection: BlaxelConnection, name: string, signal: AbortSignal) =>
  connection.call(protocol.getBlaxelSandbox, { params: { name }, query: {} }, { signal });

async function getSandboxes(context: Context, connection: BlaxelConnection, chosen: Chosen): Promise<void> {
  const query = chosen.limit === undefined ? {} : { limit: chosen.limit };
  const { signal } = context;
  const page = await connection.call(protocol.listBlaxelSandboxes, { query }, { signal });
  const sandboxes = Array.isArray(page) ? page : page.data;
  await print(context, chosen, sandboxes, () => sandboxTable(context, sandboxes));
}

const sandboxTable = ({ output }: Context, sandboxes: readonly BlaxelSandbox[]): string =>
  output.table(
    ['NAME', 'STATUS', 'IMAGE', 'MEMORY', 'CREATED_AT'],
    sandboxes.map(({ metadata, spec, status, state }) => [
      metadata.name,
      state === 'STANDBY' ? `${status} (standby)` : status,
      spec.runtime?.image ?? '-',
      spec.runtime?.memory === undefined ? '-' : `${spec.runtime.memory} MB`,
      metadata.createdAt,
    ]),
  );

const WATCH_MS = 1_000;

/** Every status that it has until it is settled, each once. */
async function watch(context: Context, connection: BlaxelConnection, name: string): Promise<number> {
  let last = '';
  for (;;) {
    const { status } = await findSandbox(connection, name, context.signal);
    if (status !== last) await context.output.line(status);
    last = status;
    if (status === 'DEPLOYED') return 0;
    if (status === 'FAILED' || status === 'TERMINATED') return 1;
    await delay(WATCH_MS, undefined, { signal: context.signal });
  }
}

async function getPart(context: Context, chosen: Chosen, name: string, part: string): Promise<void> {
  if (!/^process(?:es)?$/.test(part)) throw new UsageError(`"${part}" is no part of a sandbox: processes`);
  const { namespace: _, ...connection } = context.clientOptions;
  const { workspace } = chosen;
  const sandbox = await SandboxInstance.get(name, {
    ...connection,
    ...(workspace !== undefined && { workspace }),
  });
  const processes = await sandbox.process.list();
  await print(context, chosen, processes, () =>
    context.output.table(
      ['PID', 'NAME', 'STATUS', 'COMMAND'],
      processes.map((one) => [one.pid, one.name, one.status, one.command]),
    ),
  );
}

async function getWorkspaces(context: Context, connection: BlaxelConnection, chosen: Chosen): Promise<void> {
  const { signal } = context;
  const found = await connection.call(protocol.listBlaxelWorkspaces, {}, { signal });
  await print(context, chosen, found, () =>
    context.output.table(
      ['NAME', 'ID', 'ACCOUNT'],
      found.map(({ name, id, accountId }) => [name, id, accountId]),
    ),
  );
}

async function getHub(context: Context, connection: BlaxelConnection, chosen: Chosen): Promise<void> {
  const found = await connection.call(protocol.listBlaxelHub, {}, { signal: context.signal });
  await print(context, chosen, found, () =>
    context.output.table(
      ['NAME', 'IMAGE', 'DESCRIPTION'],
      found.map(({ name, image, description }) => [name, image, description]),
    ),
  );
}

async function getImages(
  context: Context,
  connection: BlaxelConnection,
  chosen: Chosen,
  reference: string | undefined,
): Promise<void> {
  const { signal } = context;
  if (reference === undefined) {
    const answer = await connection.call(protocol.listBlaxelImages, { query: {} }, { signal });
    const images = Array.isArray(answer) ? answer : answer.data;
    return print(context, chosen, images, () =>
      context.output.table(
        ['NAME', 'STATUS', 'SIZE', 'TAGS', 'FROM'],
        images.map(({ metadata, spec }) => [
          `sandbox/${metadata.name}`,
          metadata.status,
          formatBytes(spec.size),
          String(spec.tags.length),
          metadata.sourceWorkspace ?? '-',
        ]),
      ),
    );
  }
  const { name, tag } = imageReferenceOf(reference);
  const params = { resourceType: '_' as const, name };
  const image = await connection.call(protocol.getBlaxelImage, { params }, { signal });
  const shown = tag === undefined ? image.spec.tags : image.spec.tags.filter((one) => one.name === tag);
  if (shown.length === 0) throw new CliError(`image sandbox/${name} has no tag ${tag ?? ''}`.trim());
  if (chosen.latest) return context.output.line(`sandbox/${name}:${newest(image)}`);
  return print(context, chosen, image, () => imageText(context, image, shown));
}

/** Builds name their tags; `latest` is one more name of the last. */
function newest({ spec }: BlaxelImage): string {
  const tags = spec.tags.toSorted((a, b) => (a.createdAt < b.createdAt ? 1 : -1));
  return (tags.find(({ name }) => name !== 'latest') ?? tags[0])?.name ?? 'latest';
}

function imageText(
  context: Context,
  { metadata, spec }: BlaxelImage,
  tags: BlaxelImage['spec']['tags'],
): string {
  const deployed = metadata.updatedAt.slice(0, 10);
  const rows = tags.map(({ name, size, createdAt }) => [name, formatBytes(size), createdAt]);
  return [
    `Image: sandbox/${metadata.name}`,
    `Workspace: ${metadata.workspace} | Total Size: ${formatBytes(spec.size)} | Last Deployed: ${deployed}`,
    ...(metadata.sourceWorkspace === undefined ? [] : [`Shared from: ${metadata.sourceWorkspace}`]),
    'Tags:',
    context.output.table(['NAME', 'SIZE', 'CREATED_AT'], rows),
  ].join('\n');
}
