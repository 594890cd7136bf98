import * as routes from '@atoll/protocol';
import { ApiError } from '@atoll/protocol';
import type { BlaxelPreview, BlaxelPreviewBody, BlaxelPreviewToken } from '@atoll/protocol';
import type { Clock } from '../../lib/clock.ts';
import { withoutUndefined } from '../../lib/without-undefined.ts';
import type { DeployedSandboxes } from '../../sandbox/deployed-sandboxes.ts';
import type { IssuedToken, PreviewRequest, Previews, PreviewUrl } from '../../sandbox/previews.ts';
import type { Preview } from '../../store/preview-store.ts';
import type { SandboxRecord } from '../../store/sandbox-store.ts';
import type { Binding } from '../bind.ts';
import type { RequestContext } from '../request-context.ts';
import { bindBlaxel } from './blaxel-version.ts';
import { shownName } from './sandbox-view.ts';
import { secondsOf } from './time-span.ts';

export interface BlaxelPreviewRoutesOptions {
  deployed: Pick<DeployedSandboxes, 'living'>;
  previews: Previews;
  previewUrl: PreviewUrl;
  clock: Clock;
}

/** Previews of ports, and their tokens (wire 1.8). */
export function blaxelPreviewRoutes(options: BlaxelPreviewRoutesOptions): Binding[] {
  const { deployed, previews, previewUrl, clock } = options;
  const sandboxOf = ({ name }: { name: string }, { caller }: RequestContext): SandboxRecord =>
    deployed.living(caller.workspace.id, name);
  const previewOf = (params: { name: string; preview: string }, context: RequestContext): Preview =>
    previews.get(sandboxOf(params, context), params.preview);

  const show = (
    one: Preview,
    { name }: { name: string },
    { caller, baseUrl }: RequestContext,
    status: BlaxelPreview['status'] = 'DEPLOYED',
  ): BlaxelPreview => ({
    metadata: {
      name: one.name,
      displayName: one.name,
      ...ownerOf(name, caller.workspace.name),
      createdAt: isoTime(one.createdAt),
      updatedAt: isoTime(one.updatedAt),
      createdBy: one.createdBy,
    },
    spec: withoutUndefined({
      port: one.port,
      public: one.isPublic,
      url: previewUrl(one, baseUrl),
      prefixUrl: one.prefix,
      expires: one.expiresAt === undefined ? undefined : isoTime(one.expiresAt),
      requestHeaders: one.requestHeaders,
      responseHeaders: one.responseHeaders,
    }),
    status,
  });

  const showToken = (
    { name, value, expiresAt }: IssuedToken,
    preview: Preview,
    sandbox: string,
    { caller }: RequestContext,
  ): BlaxelPreviewToken => ({
    metadata: { name, previewName: preview.name, ...ownerOf(sandbox, caller.workspace.name) },
    spec: withoutUndefined({
      token: value,
      expiresAt: expiresAt === undefined ? undefined : isoTime(expiresAt),
      expired: expiresAt !== undefined && expiresAt <= clock.now(),
    }),
  });

  const read = (body: BlaxelPreviewBody, { caller }: RequestContext): PreviewRequest =>
    toRequest(body, caller.member.name, clock.now());

  return [
    bindBlaxel(routes.listBlaxelPreviews, ({ params }, context) =>
      previews.list(sandboxOf(params, context)).map((one) => show(one, params, context)),
    ),
    bindBlaxel(routes.createBlaxelPreview, ({ params, query, body }, context) => {
      const record = sandboxOf(params, context);
      context.target(shownName(record));
      return show(previews.create(record, read(body, context), query.force === 'true'), params, context);
    }),
    bindBlaxel(routes.getBlaxelPreview, ({ params }, context) =>
      show(previewOf(params, context), params, context),
    ),
    bindBlaxel(routes.replaceBlaxelPreview, ({ params, body }, context) => {
      const asked = { ...read(body, context), name: params.preview };
      return show(previews.replace(sandboxOf(params, context), asked), params, context);
    }),
    bindBlaxel(routes.deleteBlaxelPreview, ({ params }, context) =>
      show(previews.remove(sandboxOf(params, context), params.preview), params, context, 'DELETING'),
    ),
    bindBlaxel(routes.listBlaxelPreviewTokens, ({ params }, context) => {
      const preview = previewOf(params, context);
      return previews.tokens.list(preview).map((token) => showToken(token, preview, params.name, context));
    }),
    bindBlaxel(routes.createBlaxelPreviewToken, ({ params, body }, context) => {
      const preview = previewOf(params, context);
      const expiresAt = body.spec?.expiresAt == null ? undefined : Date.parse(body.spec.expiresAt);
      const token = previews.tokens.create(preview, body.metadata?.name ?? undefined, expiresAt);
      return showToken(token, preview, params.name, context);
    }),
    bindBlaxel(routes.deleteBlaxelPreviewToken, ({ params }, context) => {
      previews.tokens.remove(previewOf(params, context), params.token);
      return { message: 'The token is deleted' };
    }),
  ];
}

const isoTime = (at: number): string => new Date(at).toISOString();

const ownerOf = (resourceName: string, workspace: string) => ({
  resourceName,
  resourceType: 'sandbox',
  workspace,
});

function toRequest({ metadata, spec }: BlaxelPreviewBody, by: string, now: number): PreviewRequest {
  if (spec.customDomain)
    throw new ApiError('unsupported', 'spec.customDomain is not supported by this server', {
      hint: 'Let a reverse proxy of your own pass the domain on to the URL of the preview.',
    });
  const ends = [
    ...(spec.ttl == null ? [] : [now + secondsOf(spec.ttl) * 1000]),
    ...(spec.expires == null ? [] : [Date.parse(spec.expires)]),
  ];
  return withoutUndefined({
    name: metadata.name,
    port: spec.port,
    isPublic: spec.public ?? false,
    prefix: spec.prefixUrl || undefined,
    expiresAt: ends.length > 0 ? Math.min(...ends) : undefined,
    requestHeaders: lowerCase(spec.requestHeaders),
    responseHeaders: lowerCase(spec.responseHeaders),
    by,
  });
}

const lowerCase = (headers: Record<string, string> | null | undefined): Record<string, string> =>
  Object.fromEntries(Object.entries(headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]));
