import { openPolicy } from '../network/egress-policy.ts';
import type { UpperExport } from '../runtime/driver.ts';
import type { SandboxRecord } from '../store/sandbox-store.ts';
import { memoryOfCheckpoint } from './checkpoint.ts';
import type { SandboxContext } from './context.ts';
import { openForRestore, specInSlot } from './restore.ts';
import { releaseRootfs } from './rootfs.ts';

/**
 * Lets `consume` read what a sandbox that sleeps on disk has changed of its files. What it is on disk is restored beside
 * it for that, in a slot that no record names and that reaches nothing, and is thrown away then. A crash in the middle
 * leaves that slot, which the next start frees.
 */
export const readAsleep = <T>(
  context: SandboxContext,
  record: SandboxRecord,
  checkpointId: string,
  ...how: [consume: (upper: UpperExport) => Promise<T>, signal: AbortSignal]
): Promise<T> =>
  context.room.withMemory(memoryOfCheckpoint(context, checkpointId, record.limits), () =>
    readBeside(context, record, checkpointId, ...how),
  );

async function readBeside<T>(
  context: SandboxContext,
  record: SandboxRecord,
  checkpointId: string,
  consume: (upper: UpperExport) => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  const { dir, image, rootfs } = await openForRestore(context, record, checkpointId, signal, {
    isQuiet: true,
  });
  const kind = {
    limits: record.limits,
    purpose: 'restore',
    ...(image.needs && { flavour: image.needs.flavour }),
  } as const;
  try {
    const slot = await context.pool.take(kind, signal);
    try {
      await context.network.setPolicy(slot.id, { ...openPolicy, internet: false });
      const spec = await specInSlot(context, record, { image, rootfs }, slot);
      await context.driver.restore(slot, spec, dir, signal);
      return await context.driver.exportUpper(slot.id, consume, signal);
    } finally {
      await context.pool.freeSurely(slot.id);
      await context.identities.remove(slot.id).catch(() => {}); // reconcile removes what is left
    }
  } finally {
    await releaseRootfs(context, rootfs);
  }
}
