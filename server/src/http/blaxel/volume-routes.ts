import * as routes from '@atoll/protocol';
import { ApiError } from '@atoll/protocol';
import type { BlaxelVolume } from '@atoll/protocol';
import { withoutUndefined } from '../../lib/without-undefined.ts';
import type { Sandboxes } from '../../sandbox/sandboxes.ts';
import type { VolumeTemplates } from '../../volume/volume-templates.ts';
import type { VolumeInfo, Volumes } from '../../volume/volumes.ts';
import type { Binding } from '../bind.ts';
import type { RequestContext } from '../request-context.ts';
import { bindBlaxel, hasPages } from './blaxel-version.ts';
import { shownName } from './sandbox-view.ts';

export interface BlaxelVolumeRoutesOptions {
  volumes: Volumes;
  volumeTemplates: VolumeTemplates;
  sandboxes: Pick<Sandboxes, 'get'>;
}

/** Clients that ask for no size expect this one. */
const DEFAULT_SIZE_MB = 1024;
const DEFAULT_LIMIT = 50;

/** Volumes (wire 1.9). */
export function blaxelVolumeRoutes({
  volumes,
  volumeTemplates,
  sandboxes,
}: BlaxelVolumeRoutesOptions): Binding[] {
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
      ...withoutUndefined({ externalId: volume.externalId }),
      createdAt: new Date(volume.createdAt).toISOString(),
      updatedAt: new Date(volume.updatedAt).toISOString(),
    },
    spec: { size: volume.sizeMb, ...withoutUndefined({ template: volume.template }) },
    state: withoutUndefined({ attachedTo: attachedTo(volume, context) }),
    status,
  });

  /** Shared ones are drives in this dialect. */
  const find = async (name: string, { caller }: RequestContext): Promise<VolumeInfo> => {
    const found = await volumes.get(caller.workspace.id, name);
    if (!found.isShared) return found;
    throw new ApiError('volume_not_found', `${found.name} is a drive, not a volume`);
  };

  return [
    bindBlaxel(routes.createBlaxelVolume, async ({ body }, context) => {
      const { name, displayName, labels, externalId } = body.metadata;
      const { template, size } = body.spec;
      const workspaceId = context.caller.workspace.id;
      context.target(name);
      const origin = template ? volumeTemplates.resolve(workspaceId, template) : undefined;
      const made = await volumes.create(workspaceId, {
        name,
        // Clients always send a size: one that is too small for the template is not what somebody chose.
        sizeMb: Math.max(size ?? DEFAULT_SIZE_MB, origin?.snapshot.sizeMb ?? 0),
        labels: labels ?? {},
        ...(displayName != null && { description: displayName }),
        ...(externalId && { externalId }),
        ...(origin && { snapshotId: origin.snapshot.id, template: origin.template }),
      });
      return show(made, context);
    }),
    bindBlaxel(routes.listBlaxelVolumes, async ({ query }, context) => {
      const workspaceId = context.caller.workspace.id;
      const limit = query.limit ?? (hasPages(context) ? DEFAULT_LIMIT : undefined);
      const page = {
        isShared: false,
        ...withoutUndefined({ after: query.cursor, limit: limit && limit + 1 }),
      };
      const found = await volumes.list(workspaceId, page);
      const shown = found.slice(0, limit);
      const data = shown.map((volume) => show(volume, context));
      if (!hasPages(context)) return data;
      const last = found.length > shown.length ? shown.at(-1) : undefined;
      const meta = { hasMore: last !== undefined, total: volumes.count(workspaceId, false) };
      return { data, meta: { ...meta, ...(last && { nextCursor: last.name }) } };
    }),
    bindBlaxel(routes.getBlaxelVolume, async ({ params }, context) =>
      show(await find(params.name, context), context),
    ),
    bindBlaxel(routes.getBlaxelVolumeByExternalId, async ({ params }, context) =>
      show(await volumes.getByExternalId(context.caller.workspace.id, params.externalId), context),
    ),
    bindBlaxel(routes.replaceBlaxelVolume, async ({ params, body }, context) => {
      const { displayName, labels, externalId } = body.metadata;
      const workspaceId = context.caller.workspace.id;
      const before = await find(params.name, context);
      const { size, template } = body.spec;
      if (template && template !== before.template)
        throw new ApiError('unsupported', 'spec.template of a volume that is there does not change', {
          hint: 'Make another volume that begins with the template.',
        });
      const changed = await volumes.update(workspaceId, params.name, {
        ...(displayName != null && { description: displayName }),
        ...(labels != null && { labels }),
        ...(externalId && { externalId }),
        ...(size != null && size !== before.sizeMb && { sizeMb: size }),
      });
      return show(changed, context);
    }),
    bindBlaxel(routes.deleteBlaxelVolume, async ({ params }, context) => {
      const workspaceId = context.caller.workspace.id;
      const volume = await find(params.name, context);
      context.target(volume.id);
      await volumes.remove(workspaceId, volume.id);
      return show(volume, context, 'DELETING');
    }),
  ];
}
