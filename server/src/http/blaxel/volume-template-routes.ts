import * as routes from '@atoll/protocol';
import { ApiError } from '@atoll/protocol';
import type { BlaxelVolumeTemplate, BlaxelVolumeTemplateBody } from '@atoll/protocol';
import { withoutUndefined } from '../../lib/without-undefined.ts';
import type {
  VolumeTemplateInfo,
  VolumeTemplateRequest,
  VolumeTemplates,
} from '../../volume/volume-templates.ts';
import { bind } from '../bind.ts';
import type { Binding } from '../bind.ts';
import type { RequestContext } from '../request-context.ts';
import { bindBlaxel } from './blaxel-version.ts';

export interface BlaxelVolumeTemplateRoutesOptions {
  volumeTemplates: VolumeTemplates;
}

/** Files that volumes begin with (wire 1.9). */
export function blaxelVolumeTemplateRoutes({
  volumeTemplates: templates,
}: BlaxelVolumeTemplateRoutesOptions): Binding[] {
  const offerUpload = (
    name: string,
    { upload, version }: { upload?: string | undefined; version?: string | undefined },
    context: RequestContext,
  ): void => {
    if (upload !== 'true') return;
    const token = templates.beginUpload(context.caller.workspace.id, name, version);
    context.answerHeader('x-blaxel-upload-url', `${context.baseUrl}/v0/volume-uploads/${token}`);
  };

  return [
    bindBlaxel(routes.listBlaxelVolumeTemplates, async (_input, context) => {
      const found = await templates.list(context.caller.workspace.id);
      return found.map((template) => show(template, context));
    }),
    bindBlaxel(routes.createBlaxelVolumeTemplate, async ({ body, query }, context) => {
      const made = await templates.create(context.caller.workspace.id, toRequest(body));
      context.target(made.id);
      offerUpload(made.name, query, context);
      return show(made, context);
    }),
    bindBlaxel(routes.getBlaxelVolumeTemplate, async ({ params }, context) =>
      show(await templates.get(context.caller.workspace.id, params.name), context),
    ),
    bindBlaxel(routes.replaceBlaxelVolumeTemplate, async ({ params, body, query }, context) => {
      if (body.metadata.name !== params.name)
        throw new ApiError('invalid_request', 'the name of a volume template does not change');
      const changed = await templates.update(context.caller.workspace.id, toRequest(body));
      context.target(changed.id);
      offerUpload(changed.name, query, context);
      return show(changed, context);
    }),
    bindBlaxel(routes.deleteBlaxelVolumeTemplate, async ({ params }, context) => {
      const removed = await templates.remove(context.caller.workspace.id, params.name);
      context.target(removed.id);
      return show(removed, context);
    }),
    bindBlaxel(routes.deleteBlaxelVolumeTemplateVersion, async ({ params }, context) => {
      const { name, version } = params;
      const left = await templates.removeVersion(context.caller.workspace.id, name, version);
      context.target(left.id);
      return { message: `Version ${version} deleted`, template: show(left, context) };
    }),
    bind(routes.uploadBlaxelVolumeTemplate, async ({ params }, { body, signal, target }) => {
      const { id } = await templates.upload(params.token, body, signal);
      target(id);
      return { message: 'Upload completed' };
    }),
  ];
}

const toRequest = ({ metadata, spec }: BlaxelVolumeTemplateBody): VolumeTemplateRequest => ({
  name: metadata.name,
  ...withoutUndefined({
    displayName: metadata.displayName ?? undefined,
    labels: metadata.labels ?? undefined,
    description: spec?.description ?? undefined,
    sizeMb: spec?.defaultSize ?? undefined,
  }),
});

function show(template: VolumeTemplateInfo, { caller }: RequestContext): BlaxelVolumeTemplate {
  const { name, description, error, versions } = template;
  const workspace = caller.workspace.name;
  const ready = versions.filter(({ snapshot }) => snapshot.status === 'ready');
  const [latest] = ready;
  return {
    metadata: {
      name,
      displayName: template.displayName ?? name,
      workspace,
      labels: { ...template.labels },
      createdAt: new Date(template.createdAt).toISOString(),
      updatedAt: new Date(template.updatedAt).toISOString(),
    },
    spec: { defaultSize: template.sizeMb, ...withoutUndefined({ description }) },
    state: {
      status: error !== undefined ? 'error' : latest === undefined ? 'created' : 'ready',
      versionCount: ready.length,
      ...withoutUndefined({ error }),
      ...(latest && {
        latestVersion: latest.name,
        lastVersionUploadedAt: new Date(latest.snapshot.createdAt).toISOString(),
      }),
    },
    versions: versions.map((version) => ({
      name: version.name,
      templateName: name,
      workspace,
      versionId: version.snapshot.id,
      contentSize: version.usedBytes,
      status: version.snapshot.status === 'ready' ? 'READY' : 'CREATED',
    })),
  };
}
