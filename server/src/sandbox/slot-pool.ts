import type { Log } from '../lib/log.ts';
import { newSlotId } from '../lib/id.ts';
import type { SandboxNetwork } from '../network/network.ts';
import type { ResourceLimits, RuntimeDriver, Slot } from '../runtime/driver.ts';

export interface SlotPoolOptions {
  network: SandboxNetwork;
  driver: RuntimeDriver;
  log: Log;
  /** The size that is kept ready from the start. */
  usualLimits: ResourceLimits;
  /** How many slots of the usual size are kept ready at least. */
  minReady: number;
  /** How many ready slots there may be in all sizes together. */
  maxReady: number;
}

interface SlotClass {
  limits: ResourceLimits;
  ready: Slot[];
  target: number;
  usedAt: number;
}

const REVIEW_EVERY_MS = 30_000;
/** A size that nobody has asked for in this time is not kept ready any longer. */
const FORGET_AFTER_MS = 5 * 60_000;

const classKey = ({ cpus, memoryMb, diskMb }: ResourceLimits): string => `${cpus}/${memoryMb}/${diskMb}`;

export type SlotPool = ReturnType<typeof createSlotPool>;

/**
 * Keeps slots ready by size, so that a create finds the slow work done. A size's target doubles each time a
 * create finds none, and shrinks when the size is no longer asked for.
 */
export function createSlotPool({ network, driver, log, usualLimits, minReady, maxReady }: SlotPoolOptions) {
  const classes = new Map<string, SlotClass>();
  const closing = new AbortController();
  let urgent = 0;
  let refilling: Promise<void> | undefined;

  const classOf = (limits: ResourceLimits): SlotClass => {
    const key = classKey(limits);
    const known = classes.get(key);
    if (known) return known;
    const fresh = { limits, ready: [], target: 0, usedAt: Date.now() };
    classes.set(key, fresh);
    return fresh;
  };

  /** Frees everything of a slot on the host. What runs in it ends first: only then is its address nobody's. */
  const free = async (slotId: string): Promise<void> => {
    await driver.remove(slotId);
    await network.release(slotId);
  };

  /** Slots that could not be freed and that no record names: tried again at every review. */
  const leftBehind = new Set<string>();

  const freeSurely = async (slotId: string): Promise<void> => {
    leftBehind.add(slotId);
    await free(slotId).then(
      () => leftBehind.delete(slotId),
      (err: unknown) => log.warn({ slotId, err }, 'slot left behind'),
    );
  };

  const make = async (limits: ResourceLimits, signal: AbortSignal): Promise<Slot> => {
    const id = newSlotId();
    try {
      const slot = { id, limits, endpoint: await network.attach(id, signal) };
      await driver.prepare(slot, signal);
      return slot;
    } catch (error) {
      await freeSurely(id);
      throw error;
    }
  };

  const readyCount = (): number => classes.values().reduce((sum, { ready }) => sum + ready.length, 0);

  const nextShort = (): SlotClass | undefined =>
    urgent === 0 && !closing.signal.aborted && readyCount() < maxReady
      ? classes.values().find((slotClass) => slotClass.ready.length < slotClass.target)
      : undefined;

  const refillAll = async (): Promise<void> => {
    for (let short = nextShort(); short; short = nextShort()) {
      const slot = await make(short.limits, closing.signal);
      if (closing.signal.aborted) await freeSurely(slot.id);
      else short.ready.push(slot);
    }
  };

  const refill = (): void => {
    refilling ??= refillAll()
      .catch((error: unknown) => {
        if (!closing.signal.aborted) log.warn({ err: error }, 'could not make a slot ahead of time');
      })
      .finally(() => {
        refilling = undefined;
      });
  };

  const review = (): void => {
    for (const slotId of leftBehind) void freeSurely(slotId);
    for (const [key, slotClass] of classes) {
      if (Date.now() - slotClass.usedAt < FORGET_AFTER_MS) continue;
      slotClass.target = slotClass === usual ? minReady : 0;
      const surplus = slotClass.ready.splice(slotClass.target);
      for (const slot of surplus) void freeSurely(slot.id);
      if (slotClass.target === 0 && slotClass.ready.length === 0 && slotClass !== usual) classes.delete(key);
    }
    refill();
  };

  const usual = classOf(usualLimits);
  usual.target = minReady;
  const reviewTimer = setInterval(review, REVIEW_EVERY_MS).unref();

  return {
    /** A slot of that size: a ready one if there is one. The caller owns it until `free`. */
    take: async (limits: ResourceLimits, signal: AbortSignal): Promise<Slot> => {
      const slotClass = classOf(limits);
      slotClass.usedAt = Date.now();
      const slot = slotClass.ready.shift();
      if (slot === undefined) slotClass.target = Math.min(maxReady, Math.max(1, slotClass.target * 2));
      return slot ?? make(limits, signal);
    },
    /** While a sandbox starts, nothing is made ahead of time: it would take the processor from the start. */
    rush: async <T>(start: () => Promise<T>): Promise<T> => {
      urgent += 1;
      try {
        return await start();
      } finally {
        urgent -= 1;
        refill();
      }
    },
    /** A slot of that size that has not waited. */
    takeFresh: make,
    free,
    /** Frees a slot that no record names; never rejects, and tries again when it fails. */
    freeSurely,
    refill,
    readyCount,
    /** Frees what is ready; slots that were taken stay. */
    close: async (): Promise<void> => {
      closing.abort(new Error('the server is stopping'));
      clearInterval(reviewTimer);
      await refilling;
      const left = [...classes.values()].flatMap(({ ready }) => ready.splice(0));
      await Promise.allSettled(left.map((slot) => free(slot.id)));
    },
  };
}
