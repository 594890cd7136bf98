import * as routes from '@atoll/protocol';
import { ApiError } from '@atoll/protocol';
import type { BlaxelVolume, BlaxelVolumeBody } from '@atoll/protocol';
import { withoutUndefined } from '../../lib/without-undefined.ts';
import type { Sandboxes } from '../../sandbox/sandboxes.ts';
import type { VolumeInfo, Volumes } from '../../volume/volumes.ts';
import type { Binding } from '../bind.ts';
import type { RequestContext } from '../request-context.ts';
import { bindBlaxel, hasPages } from './blaxel-version.ts';
import { shownName } from './sandbox-view.ts';

export interface BlaxelVolumeRoutesOptions {
  volumes: Volumes;
  sandboxes: Pick<Sandboxes, 'get'>;
}

/** Clients that ask for no size expect this one. */
const DEFAULT_SIZE_MB = 1024;
const DEFAULT_LIMIT = 50;

/** Volumes (wire 1.9). */
export function blaxelVolumeRoutes({ volumes, sandboxes }: BlaxelVolumeRoutesOptions): Binding[] {
  /** Whoever is attached to it first; those that only read may be many. */
  const attachedTo = ({ attachments: [first] }: VolumeInfo, { caller }: RequestContext): string | undefined =>
    first && `sandbox:${shownName(sandboxes.get(caller.workspace.id, first.sandboxId))}`;

  const show = (
    volume: VolumeInfo,
    context: RequestContext,
    status: BlaxelVolume['status'] = volume.status === 'ready' ? 'DEPLOYED' : 'DEPLOYING',
  ): BlaxelVolume => ({
    metadata: {
      name: volume.name,
      displayName: volume.description ?? volume.name,
      workspace: context.caller.workspace.name,
      labels: { ...volume.labels },
      createdAt: new Date(volume.createdAt).toISOString(),
      updatedAt: new Date(volume.updatedAt).toISOString(),
    },
    spec: { size: volume.sizeMb },
    state: withoutUndefined({ attachedTo: attachedTo(volume, context) }),
    status,
  });

  return [
    bindBlaxel(routes.createBlaxelVolume, async ({ body }, context) => {
      refuseUnsupported(body);
      const { name, displayName, labels } = body.metadata;
      context.target(name);
      const made = await volumes.create(context.caller.workspace.id, {
        name,
        sizeMb: body.spec.size ?? DEFAULT_SIZE_MB,
        labels: labels ?? {},
        ...(displayName != null && { description: displayName }),
      });
      return show(made, context);
    }),
    bindBlaxel(routes.listBlaxelVolumes, async ({ query }, context) => {
      const workspaceId = context.caller.workspace.id;
      const limit = query.limit ?? (hasPages(context) ? DEFAULT_LIMIT : undefined);
      const page = withoutUndefined({ after: query.cursor, limit: limit && limit + 1 });
      const found = await volumes.list(workspaceId, page);
      const shown = found.slice(0, limit);
      const data = shown.map((volume) => show(volume, context));
      if (!hasPages(context)) return data;
      const last = found.length > shown.length ? shown.at(-1) : undefined;
      const meta = { hasMore: last !== undefined, total: volumes.count(workspaceId) };
      return { data, meta: { ...meta, ...(last && { nextCursor: last.name }) } };
    }),
    bindBlaxel(routes.getBlaxelVolume, async ({ params }, context) =>
      show(await volumes.get(context.caller.workspace.id, params.name), context),
    ),
    bindBlaxel(routes.replaceBlaxelVolume, async ({ params, body }, context) => {
      refuseUnsupported(body);
      const { displayName, labels } = body.metadata;
      const workspaceId = context.caller.workspace.id;
      const before = await volumes.get(workspaceId, params.name);
      const { size } = body.spec;
      const changed = await volumes.update(workspaceId, params.name, {
        ...(displayName != null && { description: displayName }),
        ...(labels != null && { labels }),
        ...(size != null && size !== before.sizeMb && { sizeMb: size }),
      });
      return show(changed, context);
    }),
    bindBlaxel(routes.deleteBlaxelVolume, async ({ params }, context) => {
      const workspaceId = context.caller.workspace.id;
      const volume = await volumes.get(workspaceId, params.name);
      context.target(volume.id);
      await volumes.remove(workspaceId, volume.id);
      return show(volume, context, 'DELETING');
    }),
  ];
}

function refuseUnsupported({ metadata, spec }: BlaxelVolumeBody): void {
  const field = spec.template ? 'spec.template' : metadata.externalId ? 'metadata.externalId' : undefined;
  if (field === undefined) return;
  throw new ApiError('unsupported', `${field} of a volume is not supported by this server`, {
    hint: 'Leave it out.',
  });
}
