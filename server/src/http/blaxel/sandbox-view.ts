import type { BlaxelSandbox, BlaxelSandboxSpec } from '@atoll/protocol';
import { withoutUndefined } from '../../lib/without-undefined.ts';
import type { Deployed } from '../../sandbox/deployed-sandboxes.ts';
import type { Deployment } from '../../store/deployment-store.ts';
import type { SandboxRecord } from '../../store/sandbox-store.ts';
import { HIDDEN } from './sandbox-request.ts';

export interface ViewContext {
  workspace: string;
  baseUrl: string;
  now: number;
  /** Values of variables, where they are shown. */
  env?: Readonly<Record<string, string>>;
  /** Whether secret ones are shown too. */
  showSecrets?: boolean;
}

/** By its name; one without a name by its id. */
export const shownName = ({ name, id }: SandboxRecord): string => name ?? id;

/** Where the API of a sandbox is reached: the path names the workspace, which the key has to be for. */
export const sandboxUrl = (record: SandboxRecord, workspace: string, baseUrl: string): string =>
  `${baseUrl}/${workspace}/sandboxes/${shownName(record)}`;

const isoTime = (at: number): string => new Date(at).toISOString();

/** Until a client was told `BUILDING` it would take an end for that of an earlier build (wire 0.5). */
function statusOfDeployment({ status, isSeen }: Deployment): BlaxelSandbox['status'] {
  if (status === 'uploading') return 'UPLOADING';
  if (status === 'failed') return 'FAILED';
  return status === 'building' || !isSeen ? 'BUILDING' : 'DEPLOYING';
}

/** While it falls asleep, and after. */
const deactivating = ['DEACTIVATING', 'DEACTIVATED'] as const;
const archiving = ['ARCHIVING', 'ARCHIVED'] as const;

/** The wire's status. What is past its time has ended, although its end may still be under way. */
export function statusOf(
  { record, declaration, deployment }: Deployed,
  now: number,
): BlaxelSandbox['status'] {
  if (deployment !== undefined) return statusOfDeployment(deployment);
  const { state, operation, expiresAt = Infinity } = record;
  if (state === 'failed') return 'FAILED';
  if (state === 'terminated' || expiresAt <= now) return 'TERMINATED';
  if (operation === 'terminate') return 'DELETING';
  if (record.deactivatedAt !== undefined) {
    const [under, over] = declaration?.isArchived ? archiving : deactivating;
    return state === 'suspended' ? over : under;
  }
  return state === 'pending' ? 'DEPLOYING' : 'DEPLOYED';
}

/** A sandbox in the words of the Blaxel wire (1.5). One that was not declared shows what it runs on. */
export function toBlaxelSandbox(one: Deployed, context: ViewContext): BlaxelSandbox {
  const { record, declaration } = one;
  const { workspace, baseUrl, now } = context;
  const status = statusOf(one, now);
  const name = shownName(record);
  return {
    metadata: withoutUndefined({
      name,
      displayName: declaration?.displayName ?? name,
      workspace,
      url: sandboxUrl(record, workspace, baseUrl),
      createdAt: isoTime(declaration?.createdAt ?? record.createdAt),
      updatedAt: isoTime(declaration?.updatedAt ?? record.createdAt),
      labels: declaration?.labels,
      externalId: declaration?.externalId,
      createdBy: declaration?.createdBy,
      updatedBy: declaration?.updatedBy,
    }),
    spec: declaration ? withEnv(declaration.spec, context) : undeclaredSpec(record),
    status,
    ...(status === 'DEPLOYED' && { state: record.state === 'suspended' ? 'STANDBY' : 'RUNNING' }),
    events: eventsOf(one, status),
    ...(record.expiresAt !== undefined && {
      expiresIn: Math.max(0, Math.ceil((record.expiresAt - now) / 1000)),
    }),
  };
}

/** Values that are no secrets are shown, because clients send back what they read. */
function withEnv(spec: BlaxelSandboxSpec, { env = {}, showSecrets = false }: ViewContext): BlaxelSandboxSpec {
  const envs = spec.runtime?.envs?.map((entry) => ({
    ...entry,
    value: entry.secret === true && !showSecrets ? HIDDEN : (env[entry.name] ?? ''),
  }));
  return envs ? { ...spec, runtime: { ...spec.runtime, envs } } : spec;
}

/** What a sandbox runs on, where nobody declared it. */
export const undeclaredSpec = ({ image, limits, exposedPorts }: SandboxRecord): BlaxelSandboxSpec => ({
  runtime: {
    image,
    memory: limits.memoryMb,
    ports: exposedPorts.map((target) => ({ target, protocol: 'HTTP' as const })),
  },
});

/** Each start that was asked for is a deployment; the last one is as far as the sandbox is. */
function eventsOf(
  { record, declaration, deployment }: Deployed,
  status: BlaxelSandbox['status'],
): BlaxelSandbox['events'] {
  const revisions = declaration?.revisions ?? [{ id: `rev-${record.id.slice(0, 10)}`, at: record.createdAt }];
  return revisions.map(({ id, at }, index) =>
    withoutUndefined({
      type: 'deployment',
      status:
        index < revisions.length - 1 || status === 'TERMINATED' || status === 'DELETING'
          ? 'DEPLOYED'
          : status,
      message: index === revisions.length - 1 ? (deployment?.error ?? record.error) : undefined,
      revision: id,
      time: isoTime(at),
    }),
  );
}
