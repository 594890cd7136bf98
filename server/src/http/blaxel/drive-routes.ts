import * as routes from '@atoll/protocol';
import { ApiError } from '@atoll/protocol';
import type { BlaxelDrive, BlaxelDriveBody } from '@atoll/protocol';
import { withoutUndefined } from '../../lib/without-undefined.ts';
import type { Sandboxes } from '../../sandbox/sandboxes.ts';
import type { SandboxRecord } from '../../store/sandbox-store.ts';
import type { VolumeMount } from '../../store/volume-mount.ts';
import type { VolumeInfo, Volumes } from '../../volume/volumes.ts';
import { bind } from '../bind.ts';
import type { Binding } from '../bind.ts';
import type { RequestContext } from '../request-context.ts';
import { bindBlaxel, hasPages } from './blaxel-version.ts';

export interface BlaxelDriveRoutesOptions {
  volumes: Volumes;
  sandboxes: Pick<Sandboxes, 'get' | 'attachVolume' | 'detachVolume'>;
}

const DEFAULT_LIMIT = 50;

/** Drives (wire 1.9): shared volumes. */
export function blaxelDriveRoutes({ volumes, sandboxes }: BlaxelDriveRoutesOptions): Binding[] {
  const requireDrive = (found: VolumeInfo): VolumeInfo => {
    if (found.isShared) return found;
    throw new ApiError('volume_not_found', `${found.name} is a volume, not a drive`);
  };
  const find = async (name: string, { caller }: RequestContext): Promise<VolumeInfo> =>
    requireDrive(await volumes.get(caller.workspace.id, name));

  return [
    bindBlaxel(routes.createBlaxelDrive, async ({ body }, context) => {
      refuseUnsupported(body);
      const { name, displayName, labels, externalId } = body.metadata;
      const size = body.spec?.size;
      context.target(name);
      const made = await volumes.create(context.caller.workspace.id, {
        name,
        labels: labels ?? {},
        isShared: true,
        ...(displayName != null && { description: displayName }),
        ...(externalId && { externalId }),
        ...(size != null && { sizeMb: size }),
      });
      return show(made, context);
    }),
    bindBlaxel(routes.listBlaxelDrives, async ({ query }, context) => {
      const workspaceId = context.caller.workspace.id;
      const limit = query.limit ?? (hasPages(context) ? DEFAULT_LIMIT : undefined);
      const page = withoutUndefined({ after: query.cursor, limit: limit && limit + 1 });
      const found = await volumes.list(workspaceId, { isShared: true, ...page });
      const shown = found.slice(0, limit);
      const data = shown.map((drive) => show(drive, context));
      if (!hasPages(context)) return data;
      const last = found.length > shown.length ? shown.at(-1) : undefined;
      const meta = { hasMore: last !== undefined, total: volumes.count(workspaceId, true) };
      return { data, meta: { ...meta, ...(last && { nextCursor: last.name }) } };
    }),
    bindBlaxel(routes.getBlaxelDriveByExternalId, async ({ params }, context) => {
      const found = await volumes.getByExternalId(context.caller.workspace.id, params.externalId, true);
      return show(found, context);
    }),
    bindBlaxel(routes.getBlaxelDrive, async ({ params }, context) =>
      show(await find(params.name, context), context),
    ),
    bindBlaxel(routes.replaceBlaxelDrive, async ({ params, body }, context) => {
      refuseUnsupported(body);
      const { id, sizeMb } = await find(params.name, context);
      const { displayName, labels, externalId } = body.metadata;
      const size = body.spec?.size;
      const changed = await volumes.update(context.caller.workspace.id, id, {
        ...(displayName != null && { description: displayName }),
        ...(labels != null && { labels }),
        ...(externalId && { externalId }),
        ...(size != null && size !== sizeMb && { sizeMb: size }),
      });
      return show(changed, context);
    }),
    bindBlaxel(routes.deleteBlaxelDrive, async ({ params }, context) => {
      const drive = await find(params.name, context);
      context.target(drive.id);
      await volumes.remove(context.caller.workspace.id, drive.id);
      return show(drive, context, 'DELETING');
    }),
    ...mountRoutes(sandboxes, find),
  ];
}

/** The part of the API of a sandbox that the server does itself (wire 2.3). */
function mountRoutes(
  sandboxes: BlaxelDriveRoutesOptions['sandboxes'],
  find: (name: string, context: RequestContext) => Promise<VolumeInfo>,
): Binding[] {
  const sandboxOf = (name: string, { caller, target }: RequestContext): SandboxRecord => {
    const record = sandboxes.get(caller.workspace.id, name);
    target(record.id);
    return record;
  };
  return [
    bind(routes.listBlaxelDriveMounts, ({ params }, context) => {
      const { volumes = [] } = sandboxOf(params.name, context);
      return { mounts: volumes.filter(({ isShared }) => isShared).map(showMount) };
    }),
    bind(routes.mountBlaxelDrive, async ({ params, body }, context) => {
      refuseUnsupportedMount(body);
      const { id, workspaceId } = sandboxOf(params.name, context);
      const drive = await find(body.driveName, context);
      const { mountPath, readOnly } = body;
      const asked = { volume: drive.id, mountPath, isReadonly: readOnly ?? false };
      await sandboxes.attachVolume(workspaceId, id, asked);
      const mounted = { driveName: drive.name, drivePath: '/', mountPath, readOnly: false };
      return {
        ...mounted,
        success: true as const,
        message: `Drive ${drive.name} is mounted at ${mountPath}`,
      };
    }),
    bind(routes.unmountBlaxelDrive, async ({ params }, context) => {
      const { id, workspaceId, volumes = [] } = sandboxOf(params.name, context);
      const mountPath = `/${params.mountPath.replace(/^\/+/, '')}`;
      if (!volumes.some((volume) => volume.isShared && volume.mountPath === mountPath))
        throw new ApiError('volume_not_found', `no drive is mounted at ${mountPath.slice(0, 200)}`);
      await sandboxes.detachVolume(workspaceId, id, mountPath);
      return { success: true as const, message: `Nothing is mounted at ${mountPath} any more`, mountPath };
    }),
  ];
}

const showMount = ({ name, mountPath, isReadonly }: VolumeMount) => ({
  driveName: name,
  drivePath: '/',
  mountPath,
  readOnly: isReadonly,
});

function show(
  drive: VolumeInfo,
  { caller }: RequestContext,
  status: BlaxelDrive['status'] = drive.status === 'ready' ? 'DEPLOYED' : 'DEPLOYING',
): BlaxelDrive {
  return {
    metadata: {
      name: drive.name,
      displayName: drive.description ?? drive.name,
      workspace: caller.workspace.name,
      labels: { ...drive.labels },
      ...withoutUndefined({ externalId: drive.externalId }),
      createdAt: new Date(drive.createdAt).toISOString(),
      updatedAt: new Date(drive.updatedAt).toISOString(),
    },
    spec: { size: drive.sizeMb },
    state: {},
    status,
  };
}

function refuseUnsupported({ spec }: BlaxelDriveBody): void {
  if (!spec?.permissions?.length) return;
  throw new ApiError('unsupported', 'spec.permissions of a drive is not supported by this server', {
    hint: 'Who has a key of the role member in the workspace mounts its drives; another workspace keeps them apart.',
  });
}

interface MountBody {
  drivePath?: string | null | undefined;
  uidMap?: string | null | undefined;
  gidMap?: string | null | undefined;
}

function refuseUnsupportedMount({ drivePath, uidMap, gidMap }: MountBody): void {
  const refuse = (field: string, hint: string): never => {
    throw new ApiError('unsupported', `${field} of a mount is not supported by this server`, { hint });
  };
  if (drivePath != null && drivePath !== '' && drivePath !== '/')
    refuse('drivePath', 'A drive is mounted whole: make a drive of its own for the folder.');
  if (uidMap != null || gidMap != null)
    refuse(uidMap != null ? 'uidMap' : 'gidMap', 'Owners are kept as numbers: leave it out, and use chown.');
}
