import { ApiError } from '@atoll/protocol';
import type { BlaxelSandboxBody, BlaxelSandboxSpec } from '@atoll/protocol';
import { isDeepStrictEqual } from 'node:util';
import { randomId } from '../../lib/id.ts';
import { withoutUndefined } from '../../lib/without-undefined.ts';
import { parseDockerConfig } from '../../build/context-settings.ts';
import type { DeploymentSource } from '../../sandbox/deployments.ts';
import type { DeclaredRequest } from '../../sandbox/declared-sandboxes.ts';
import { refuseMissing } from './hub.ts';
import { identityEnv, ownEnv } from './identity-env.ts';
import type { VolumeMountRequest } from '../../volume/sandbox-volumes.ts';
import { toNetworkRules } from './network-request.ts';
import { readSpan } from './time-span.ts';

/** What a value looks like that is not shown; sent back, it stands for the value that is there. */
export const HIDDEN = '***';

const DEFAULT_IMAGE = 'blaxel/base-image:latest';
const DEFAULT_MEMORY_MB = 4096;
/** The hosted service gives a CPU for each 2 GiB. */
const MEMORY_MB_PER_CPU = 2048;
const MIN_CPUS = 0.1;
/** The gateway's own, and the sandbox API's. */
const reservedPorts: ReadonlySet<number> = new Set([80, 443, 8080]);

type Volume = NonNullable<BlaxelSandboxSpec['volumes']>[number];
type Runtime = NonNullable<BlaxelSandboxSpec['runtime']>;

export interface RequestContext {
  by: string;
  workspace: string;
  /** When the sandbox, of which a time span counts, was or is created. */
  createdAt: number;
  /** Variables as they are now: what stands for hidden values. */
  env: Readonly<Record<string, string>>;
  standbyAfterSecs: number;
}

/** A declaration of the Blaxel wire in the domain's words. What the server cannot keep is refused, never ignored. */
export function toDeclaredRequest(
  given: string | undefined,
  { metadata, spec }: BlaxelSandboxBody,
  context: RequestContext,
): DeclaredRequest {
  const runtime = spec?.runtime ?? {};
  refuseUnsupported(spec ?? {});
  checkReservedPorts(runtime);
  const memoryMb = runtime.memory ?? DEFAULT_MEMORY_MB;
  const name = given ?? `sandbox-${randomId(8)}`;
  return {
    name,
    by: context.by,
    ...(spec?.enabled === false && { isDeactivated: true }),
    declaration: withoutUndefined({
      displayName: metadata?.displayName ?? undefined,
      externalId: metadata?.externalId ?? undefined,
      labels: metadata?.labels ?? {},
      spec: shownSpec(spec ?? {}),
    }),
    request: {
      image: toImage(runtime.image ?? DEFAULT_IMAGE),
      limits: { memoryMb, cpus: Math.max(MIN_CPUS, memoryMb / MEMORY_MB_PER_CPU) },
      timeoutSecs: context.standbyAfterSecs,
      exposedPorts: runtime.ports?.map(({ target }) => target) ?? [],
      env: { ...identityEnv(name, context.workspace), ...toEnv(runtime, context.env) },
      network: toNetworkRules(spec?.network),
      volumes: (spec?.volumes ?? []).map(toVolume),
      ...limitsOfLife(spec ?? {}, context.createdAt),
    },
  };
}

/** `sandbox/NAME:TAG` is an image of the workspace; everything else is named as on the rest of the server. */
function toImage(image: string): string {
  refuseMissing(image);
  return image.replace(/^sandbox\//, '');
}

/** How an image of the workspace is called in this dialect. */
export const shownImage = (image: string): string => `sandbox/${image}`;

/** The image of another registry that a declaration asks for: its first part is a host. */
export function registrySource({ spec }: BlaxelSandboxBody): DeploymentSource | undefined {
  const { image, dockerConfig } = spec?.runtime ?? {};
  if (image == null || !isOfRegistry(image)) return undefined;
  return {
    kind: 'registry',
    image,
    ...(dockerConfig != null && { dockerConfig: parseDockerConfig(dockerConfig) }),
  };
}

/**
 * A declaration that wants the image as it was brought in before (wire 1.7): that one has the name of its sandbox.
 */
export function withImageBuiltBefore(body: BlaxelSandboxBody): BlaxelSandboxBody {
  const { image, skipBuild } = body.spec?.runtime ?? {};
  const name = body.metadata?.name;
  if (String(skipBuild) !== 'true' || image == null || name == null || !isOfRegistry(image)) return body;
  return withImage(body, `${name}:latest`);
}

/** The declaration with an image of the workspace. */
export const withImage = (body: BlaxelSandboxBody, image: string): BlaxelSandboxBody => ({
  ...body,
  spec: { ...body.spec, runtime: { ...body.spec?.runtime, image: shownImage(image) } },
});

export const isOfRegistry = (image: string): boolean => /^[^/]*[.:][^/]*\//.test(image);

/** Without the values of variables, which are kept apart, sealed, and without credentials, which are not kept. */
function shownSpec(spec: BlaxelSandboxSpec): Record<string, unknown> {
  const { dockerConfig: _, ...runtime } = spec.runtime ?? {};
  const envs = runtime.envs?.map(({ value: _value, ...rest }) => rest);
  return {
    ...spec,
    runtime: {
      memory: DEFAULT_MEMORY_MB,
      ...runtime,
      image: runtime.image ?? DEFAULT_IMAGE,
      ...(envs && { envs }),
    },
  };
}

function toEnv({ envs }: Runtime, known: Readonly<Record<string, string>>): Record<string, string> {
  const given = (envs ?? []).map(({ name, value }) => {
    const isKept = value === HIDDEN && Object.hasOwn(known, name);
    return [name, (isKept ? known[name] : value) ?? ''] as const;
  });
  return Object.fromEntries(given);
}

function toVolume({ name, mountPath, readOnly, type }: Volume): VolumeMountRequest {
  if (type === 'ephemeral')
    throw new ApiError('unsupported', 'spec.volumes: ephemeral volumes are not supported by this server', {
      hint: 'The file system of a sandbox ends with it: use a directory, or a volume that you delete.',
    });
  if (!name) throw new ApiError('invalid_request', `spec.volumes: the one at ${mountPath} has no name`);
  return { volume: name, mountPath, isReadonly: readOnly ?? false };
}

/** The first of all limits that are given counts. */
function limitsOfLife(
  spec: BlaxelSandboxSpec,
  createdAt: number,
): { expiresAt?: number; idleLimitSecs?: number } {
  const { ttl, expires } = spec.runtime ?? {};
  const policies = spec.lifecycle?.expirationPolicies ?? [];
  const valuesOf = (type: string): string[] =>
    policies.filter((policy) => policy.type === type).map(({ value }) => value);
  const ages = [...(ttl == null ? [] : [ttl]), ...valuesOf('ttl-max-age')].map(
    (age) => createdAt + spanOf(age) * 1000,
  );
  const dates = [...(expires == null ? [] : [expires]), ...valuesOf('date')].map(dateOf);
  const ends = [...ages, ...dates];
  const idles = valuesOf('ttl-idle').map(spanOf);
  return withoutUndefined({
    expiresAt: ends.length > 0 ? Math.min(...ends) : undefined,
    idleLimitSecs: idles.length > 0 ? Math.min(...idles) : undefined,
  });
}

function spanOf(value: string): number {
  const secs = readSpan(value);
  if (secs > 0) return secs;
  throw new ApiError('invalid_request', 'a time span of 0 is over at once');
}

function dateOf(value: string): number {
  const at = Date.parse(value);
  if (Number.isNaN(at))
    throw new ApiError('invalid_request', `${JSON.stringify(value.slice(0, 40))} is no date`);
  return at;
}

function checkReservedPorts({ ports }: Runtime): void {
  const reserved = ports?.find(({ target }) => reservedPorts.has(target));
  if (reserved) throw new ApiError('invalid_request', `port ${reserved.target} is reserved`);
}

function refuseUnsupported({ runtime }: BlaxelSandboxSpec): void {
  // They choose a kernel. The one that there is has none of what they enable.
  const enabled = Object.entries(runtime?.extraArgs ?? {}).find(([, value]) => value !== 'disabled');
  if (enabled === undefined) return;
  const [name] = enabled;
  throw new ApiError('unsupported', `spec.runtime.extraArgs.${name} is not supported by this server`, {
    hint: 'Leave it out, or have it "disabled": this server has no other kernels to choose from.',
  });
}

/** Whether two declarations differ in something that a sandbox has from its start on. */
export function needsNewStart(
  before: { spec: Record<string, unknown>; env: Readonly<Record<string, string>> },
  after: DeclaredRequest,
): boolean {
  const next = after.declaration.spec;
  const env = ownEnv(before.spec, before.env);
  return (
    !isDeepStrictEqual(fixed(before.spec), fixed(next)) ||
    !isDeepStrictEqual(env, ownEnv(next, after.request.env ?? {}))
  );
}

/** What of a specification cannot change while the sandbox lives; the schema has checked its form. */
function fixed(spec: Record<string, unknown>): unknown {
  const runtime = (spec['runtime'] ?? {}) as Runtime;
  return { image: runtime.image, memory: runtime.memory, volumes: spec['volumes'] ?? [] };
}
