import { bindMount, mountUsers, unbindMount } from '../agent/bind.ts';
import type { AgentAddress } from '../agent/ask-agent.ts';
import { agentToken } from '../agent/token.ts';
import { BusyError } from '../lib/busy-error.ts';
import type { SandboxRecord } from '../store/sandbox-store.ts';
import { isLate } from '../store/volume-mount.ts';
import type { LateVolume } from '../store/volume-mount.ts';
import type { SandboxContext } from './context.ts';
import { holdLate } from './rootfs.ts';
import type { HeldLate, SandboxRootfs } from './rootfs.ts';

/** A sandbox that runs. */
export interface RunningPlace {
  slotId: string;
  agent: AgentAddress;
  rootfs: Pick<SandboxRootfs, 'late' | 'volumes'>;
}

export function runningPlace(
  context: SandboxContext,
  record: SandboxRecord,
  rootfs: SandboxRootfs | undefined = context.live.get(record.id)?.rootfs,
): RunningPlace {
  const { slotId, endpoint } = record;
  if (slotId === undefined || endpoint === undefined || rootfs === undefined)
    throw new Error(`sandbox ${record.id} runs nowhere`);
  const token = agentToken(context.serverKey, record.id, record.incarnation);
  return { slotId, agent: { endpoint, token }, rootfs };
}

/** Mounts a volume on the host, brings it into the sandbox and to its place there. Idempotent. */
export async function showVolume(
  context: SandboxContext,
  { slotId, agent, rootfs }: RunningPlace,
  volume: LateVolume,
  signal: AbortSignal,
): Promise<void> {
  const held = rootfs.late.get(volume.lateId) ?? (await holdLate(context, volume));
  // From here on it goes with the sandbox, whatever comes.
  rootfs.late.set(volume.lateId, held);
  signal.throwIfAborted();
  await context.driver.attach(slotId, held.mount, signal);
  const source = context.driver.latePath(held.mount);
  if (source !== undefined) await bindMount(agent, { source, target: volume.mountPath }, signal);
}

/** The way back. Throws a `BusyError` while the sandbox uses it, which then sees it as before. Idempotent. */
export async function hideVolume(
  context: SandboxContext,
  place: RunningPlace,
  volume: LateVolume,
): Promise<void> {
  const held = place.rootfs.late.get(volume.lateId);
  if (held === undefined) return;
  await takeAway(context, place, held);
  place.rootfs.late.delete(volume.lateId);
  await held.release();
}

async function takeAway(
  { driver, log }: SandboxContext,
  { slotId, agent, rootfs }: RunningPlace,
  { mount }: HeldLate,
): Promise<void> {
  const source = driver.latePath(mount);
  const bind = source === undefined ? undefined : { source, target: mount.destination };
  const wasBound = bind && (await unbindMount(agent, bind));
  try {
    await driver.detach(slotId, mount, mountsOf(rootfs, mount.source) - 1);
  } catch (error) {
    // Something else in the sandbox than its place keeps it.
    if (bind && wasBound)
      await bindMount(agent, bind).catch((err: unknown) =>
        log.warn({ slotId, err }, 'a volume is not in its place'),
      );
    throw error;
  }
}

/** A volume that is only read can be in several places of a sandbox. */
const mountsOf = ({ volumes, late }: RunningPlace['rootfs'], source: string): number =>
  [...volumes, ...[...late.values()].map(({ mount }) => mount)].filter(
    (mount) => 'source' in mount && mount.source === source,
  ).length;

/** Who keeps it, as far as the sandbox tells. */
export const usersOf = ({ agent }: RunningPlace, { mountPath }: LateVolume): Promise<number[]> =>
  mountUsers(agent, mountPath);

/** A sandbox that starts from files alone has none of those that it was not created with. */
export async function showLateVolumes(
  context: SandboxContext,
  record: SandboxRecord,
  rootfs: SandboxRootfs,
  signal: AbortSignal,
): Promise<void> {
  const place = runningPlace(context, record, rootfs);
  for (const volume of (record.volumes ?? []).filter(isLate))
    await showVolume(context, place, volume, signal);
}

export const isBusy = (error: unknown): boolean => error instanceof BusyError;
