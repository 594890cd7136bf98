import { ApiError } from '@atoll/protocol';
import type { AgentConfig } from '../agent/identity.ts';
import { AGENT_PORT } from '../agent/port.ts';
import { BUILDER_IMAGE } from '../agent/builder-image.ts';
import { agentToken } from '../agent/token.ts';
import type { NamedManifest } from '../image/image-store.ts';
import type { RuntimeCapabilities, RuntimeNeeds, SandboxSpec, Slot, SlotPurpose } from '../runtime/driver.ts';
import { stage, stagesSoFar } from '../lib/stage.ts';
import { missingSecrets } from '../secret/secret-store.ts';
import type { SandboxRecord } from '../store/sandbox-store.ts';
import type { SandboxContext } from './context.ts';
import { guard } from './guard.ts';
import { requireNeeds } from './runtime-needs.ts';
import { applyRules } from './network-rules.ts';
import type { SlotPool } from './slot-pool.ts';
import { acquireRootfs, releaseRootfs } from './rootfs.ts';
import type { SandboxRootfs } from './rootfs.ts';

/** The hostname that processes see (tensorlake wire 2.3). */
const HOSTNAME = 'tl-sbx';

const STOP_GRACE_MS = 10_000;

/**
 * Brings a new sandbox up: slot, identity, runtime, agent. The signal aborts when a terminate takes over, which
 * then frees what the record names; what the record does not name yet is freed here.
 */
export async function startSandbox(
  context: SandboxContext,
  record: SandboxRecord,
  image: NamedManifest,
  signal: AbortSignal,
): Promise<SandboxRecord> {
  const rootfs = await stage('rootfs', () => acquireRootfs(context, record));
  try {
    const running = await startOnce(context, record, image, rootfs, context.pool.take, signal).catch(
      (error: unknown) => startAgain(context, record, image, rootfs, signal, error),
    );
    guard(context, running, rootfs);
    return running;
  } catch (error) {
    await freeAfterFailure(context, record, 'create');
    await releaseRootfs(context, rootfs);
    throw error;
  }
}

/** A slot may have died while it waited to be used, and others with it: a second try gets one that is made for it. */
async function startAgain(
  context: SandboxContext,
  record: SandboxRecord,
  image: NamedManifest,
  rootfs: SandboxRootfs,
  signal: AbortSignal,
  error: unknown,
): Promise<SandboxRecord> {
  signal.throwIfAborted();
  if (error instanceof ApiError) throw error;
  context.log.warn({ sandboxId: record.id, err: error }, 'start failed; trying another slot');
  await freeSlotOf(context, record);
  return startOnce(context, record, image, rootfs, context.pool.takeFresh, signal);
}

async function startOnce(
  context: SandboxContext,
  record: SandboxRecord,
  image: NamedManifest,
  rootfs: SandboxRootfs,
  take: SlotPool['take'],
  signal: AbortSignal,
): Promise<SandboxRecord> {
  const needs = requireNeeds(context.driver, image);
  const claim = { operation: 'create', needs, purpose: 'start' } as const;
  const slot = await stage('slot', () => claimSlot(context, record, claim, take, signal));
  await stage('network', () => applyRules(context, record, slot.id));
  const identityDir = await stage('identity', () => fillIdentity(context, record, image, slot));
  const spec = specOf(context, record, { rootfs, identityDir, needs });
  const endpoint = await stage('runtime', () => context.driver.start(slot, spec, signal));
  const startStages = stagesSoFar();
  const change = { state: 'running', operation: null, endpoint, startStages } as const;
  if (!context.store.change(record, 'create', change)) signal.throwIfAborted();
  const { operation: _, ...settled } = record;
  return { ...settled, state: 'running', endpoint, slotId: slot.id, startStages };
}

/** What the runtime is told of one incarnation. */
export const specOf = (
  context: SandboxContext,
  record: SandboxRecord,
  own: { rootfs: SandboxRootfs; identityDir: string; needs: RuntimeNeeds | undefined },
): SandboxSpec => ({
  sandboxId: record.id,
  incarnation: record.incarnation,
  hostname: HOSTNAME,
  rootfs: own.rootfs.path,
  layers: own.rootfs.layers,
  agentBinary: context.agents.pathOf(record.agentDigest),
  identityDir: own.identityDir,
  ...(own.needs && { needs: own.needs }),
  ...(own.rootfs.volumes.length > 0 && { mounts: own.rootfs.volumes }),
  ...(own.rootfs.late.size > 0 && { lateMounts: [...own.rootfs.late.values()].map(({ mount }) => mount) }),
});

export const fillIdentity = (
  context: SandboxContext,
  record: SandboxRecord,
  image: NamedManifest,
  slot: Slot,
): Promise<string> => context.identities.write(slot.id, agentConfig(context, record, image, slot));

/** What a slot is taken for. */
export interface SlotClaim {
  operation: 'create' | 'resume';
  needs: RuntimeNeeds | undefined;
  purpose: SlotPurpose;
}

/** The record names the slot before anything runs in it, so that reconcile finds it. */
export async function claimSlot(
  context: SandboxContext,
  record: SandboxRecord,
  { operation, needs, purpose }: SlotClaim,
  take: SlotPool['take'],
  signal: AbortSignal,
): Promise<Slot> {
  const kind = { limits: record.limits, purpose, ...(needs && { flavour: needs.flavour }) };
  const slot = await take(kind, signal);
  try {
    if (context.store.change(record, operation, { slotId: slot.id })) return slot;
    throw signal.reason ?? new Error(`the ${operation} of sandbox ${record.id} is no longer under way`);
  } catch (error) {
    await context.pool.freeSurely(slot.id);
    throw error;
  }
}

const oomGuards = { gvisor: 'meminfo', namespaces: 'cgroup', none: 'none' } as const satisfies Record<
  RuntimeCapabilities['isolation'],
  AgentConfig['oomGuard']
>;

function agentConfig(
  context: SandboxContext,
  record: SandboxRecord,
  image: NamedManifest,
  slot: Slot,
): AgentConfig {
  const { gateway } = slot.endpoint;
  const isolated = gateway !== undefined;
  const isDeclared = context.declarations.find(record.id) !== undefined;
  const entrypoint = record.entrypoint ?? (isDeclared ? programOf(image) : undefined);
  return {
    sandboxId: record.id,
    incarnation: record.incarnation,
    token: agentToken(context.serverKey, record.id, record.incarnation),
    listen: isolated ? `0.0.0.0:${AGENT_PORT}` : `${slot.endpoint.host}:0`,
    ...(isolated && { allowFrom: [gateway] }),
    hostname: HOSTNAME,
    ...(context.network.resolverAddress !== undefined && { resolver: context.network.resolverAddress }),
    env: environmentOf(context, record, image),
    ...(entrypoint && { entrypoint }),
    ...(isDeclared && { sandboxApi: true }),
    user: image.runtimeUser,
    workingDir: image.runtimeWorkdir,
    ...(image.canonicalName === BUILDER_IMAGE && { acceptBuilds: true }),
    memoryMb: record.limits.memoryMb,
    maxProcesses: Math.max(128, record.limits.memoryMb),
    oomGuard: oomGuards[context.driver.capabilities.isolation],
    extraCa: context.identities.extraCa,
    ...(image.needs?.init !== undefined && { init: image.needs.init }),
    ...(image.needs?.startup !== undefined && { startup: image.needs.startup }),
    stopSignal: 'SIGTERM',
    stopGraceMs: STOP_GRACE_MS,
  };
}

/**
 * What the image itself starts: declared sandboxes run it, others only what they are asked to. A mere shell is for who
 * types into it; with nobody there it would end at once, and keep the first command waiting meanwhile.
 */
function programOf({ config }: NamedManifest): string[] | undefined {
  const argv = [...config.entrypoint, ...config.cmd];
  return argv.length === 0 || isMereShell(argv) ? undefined : argv;
}

const isMereShell = ([program = '', ...args]: readonly string[]): boolean =>
  args.length === 0 && /^(\/(usr\/)?bin\/)?(ba|da|a|z)?sh$/.test(program);

/**
 * The image's variables, then the secrets as they are now, then the sandbox's own. They reach the agent in its identity folder alone. A create
 * is refused when one was removed since it was asked for; a sandbox that goes on in a new incarnation does without it.
 */
function environmentOf(
  context: SandboxContext,
  record: SandboxRecord,
  image: Pick<NamedManifest, 'env'>,
): Record<string, string> {
  const { env, missing } = context.secrets.environment(record.workspaceId, record.secretNames ?? []);
  if (missing.length > 0 && record.operation === 'create') throw missingSecrets(missing);
  if (missing.length > 0) context.log.warn({ sandboxId: record.id, missing }, 'secrets are no longer there');
  return { ...image.env, ...env, ...context.environments.of(record.id) };
}

/**
 * Unless a terminate has taken over, which frees everything itself. A slot that cannot be freed stays in the record,
 * where the recovery finds it.
 */
export async function freeAfterFailure(
  context: SandboxContext,
  record: SandboxRecord,
  operation: SlotClaim['operation'],
): Promise<void> {
  try {
    const current = context.store.byId(record.workspaceId, record.id);
    if (current?.operation === operation) await freeSlotOf(context, record);
  } catch (err) {
    context.log.error({ sandboxId: record.id, err }, 'cannot free the slot of a sandbox that did not start');
  }
}

/** Frees the host resources that a record names. Idempotent; the record forgets them last. */
export async function freeSlotOf(context: SandboxContext, record: SandboxRecord): Promise<void> {
  const current = context.store.byId(record.workspaceId, record.id);
  if (current?.slotId === undefined) return;
  await context.pool.vacate(current.slotId);
  await context.identities.remove(current.slotId);
  context.store.change(record, current.operation, { slotId: null });
}
