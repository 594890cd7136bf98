import type { Log } from '../lib/log.ts';
import { newSlotId } from '../lib/id.ts';
import type { SandboxNetwork } from '../network/network.ts';
import type { RuntimeDriver, Slot, SlotKind } from '../runtime/driver.ts';
import { createRush } from './rush.ts';
import { createSlotClasses, isSameKind } from './slot-class.ts';
import type { SlotClassesOptions } from './slot-class.ts';

export interface SlotPoolOptions extends SlotClassesOptions {
  network: SandboxNetwork;
  driver: RuntimeDriver;
  log: Log;
  /** How often what is ready is looked at. */
  reviewEveryMs?: number;
}

const SETTLE_MS = 50;
/** How long a slot that nobody needs any more may keep its memory while sandboxes start. */
const ASIDE_MS = 1_000;
const REVIEW_EVERY_MS = 30_000;
/** With more under way, who ends a sandbox waits for its network too: else they would end faster than their networks go. */
const MAX_FREEING = 32;

/** What is being made ahead of time, and to whom it goes where somebody came for it meanwhile. */
interface Coming {
  kind: SlotKind;
  hand?: (slot: Slot | undefined) => void;
}

export type SlotPool = ReturnType<typeof createSlotPool>;

/** Keeps slots ready by size, so that a create finds the slow work done. */
export function createSlotPool({ network, driver, log, reviewEveryMs, ...options }: SlotPoolOptions) {
  const classes = createSlotClasses(options);
  const closing = new AbortController();
  /** How many processes a ready slot had at the first look. */
  const processCounts = new Map<string, number>();
  const rush = createRush({ settleMs: SETTLE_MS, closing: closing.signal, onOver: () => refill() });
  let refilling: Promise<void> | undefined;

  /** Frees everything of a slot on the host. What runs in it ends first: only then is its address nobody's. */
  const free = async (slotId: string): Promise<void> => {
    await driver.remove(slotId);
    await network.release(slotId);
  };

  /** Slots that could not be freed and that no record names: tried again at every review. */
  const leftBehind = new Set<string>();

  /** What is being freed, with or without somebody who waits for it. */
  const freeing = new Map<string, Promise<void>>();

  const freeOnce = async (slotId: string, work: () => Promise<void>): Promise<void> => {
    leftBehind.add(slotId);
    const freed = work().then(
      () => void leftBehind.delete(slotId),
      (err: unknown) => log.warn({ slotId, err }, 'slot left behind'),
    );
    freeing.set(slotId, freed);
    await freed.finally(() => freeing.delete(slotId));
  };

  const freeSurely = (slotId: string): Promise<void> => freeOnce(slotId, () => free(slotId));

  const freeAside = (slotId: string, work: (slotId: string) => Promise<void>): Promise<void> =>
    freeOnce(slotId, async () => {
      await rush.whenOver(ASIDE_MS);
      await work(slotId);
    });

  /**
   * The kernel takes the longest for the network, of which nothing is left that could use it; its address rests until it
   * is gone. A server that dies meanwhile leaves a slot that no record names.
   */
  const vacate = async (slotId: string): Promise<void> => {
    await driver.remove(slotId);
    const released = freeAside(slotId, network.release);
    if (freeing.size > MAX_FREEING) await released;
  };

  const make = async ({ limits, flavour, purpose }: SlotKind, signal: AbortSignal): Promise<Slot> => {
    const id = newSlotId();
    try {
      const endpoint = await network.attach(id, signal);
      const slot = { id, limits, endpoint, ...(flavour && { flavour }), ...(purpose && { purpose }) };
      await driver.prepare(slot, signal);
      return slot;
    } catch (error) {
      await freeSurely(id);
      throw error;
    }
  };

  let coming: Coming | undefined;

  const makeAhead = async (kind: SlotKind): Promise<void> => {
    const own: Coming = { kind };
    coming = own;
    try {
      const slot = await make(kind, closing.signal);
      coming = undefined;
      if (own.hand) own.hand(slot);
      else if (closing.signal.aborted || !classes.put(slot)) await freeSurely(slot.id);
    } finally {
      coming = undefined;
      own.hand?.(undefined);
    }
  };

  /** The slot that is being made, if it is of that kind and nobody else's: sooner there than one that begins now. */
  const joinComing = (kind: SlotKind, signal: AbortSignal): Promise<Slot | undefined> => {
    const own = coming;
    if (own === undefined || own.hand || !isSameKind(own.kind, kind)) return Promise.resolve(undefined);
    return new Promise((resolve, reject) => {
      const giveUp = (): void => {
        delete own.hand;
        reject(signal.reason);
      };
      own.hand = (slot) => {
        signal.removeEventListener('abort', giveUp);
        resolve(slot);
      };
      signal.addEventListener('abort', giveUp, { once: true });
    });
  };

  const take = async (kind: SlotKind, signal: AbortSignal): Promise<Slot> => {
    signal.throwIfAborted();
    const slot = classes.take(kind) ?? (await joinComing(kind, signal));
    if (slot) return slot;
    classes.miss(kind);
    return make(kind, signal);
  };

  const refillAll = async (): Promise<void> => {
    while (!rush.isOn() && !closing.signal.aborted) {
      const short = classes.nextShort();
      if (short === undefined) return;
      if (short.evicted) await freeSurely(short.evicted.id);
      await makeAhead(short.kind);
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

  /**
   * Drivers differ in what they prepare, but none prepares processes that end: a slot that has lost half of them has
   * lost those that a sandbox needs.
   */
  const hasDied = async ({ id }: Slot): Promise<boolean> => {
    const { processCount } = await driver.stats(id);
    const before = processCounts.get(id) ?? processCount;
    processCounts.set(id, before);
    return processCount * 2 < before || (await driver.state(id)) === 'absent';
  };

  const dropDead = async (): Promise<void> => {
    const ready = classes.ready();
    const known = new Set(ready.map(({ id }) => id));
    for (const id of processCounts.keys()) if (!known.has(id)) processCounts.delete(id);
    for (const slot of ready) {
      if (!(await hasDied(slot)) || !classes.drop(slot)) continue;
      log.warn({ slotId: slot.id }, 'a slot that was ready has died');
      await freeSurely(slot.id);
    }
  };

  let reviewing: Promise<void> | undefined;
  const review = (): void => {
    for (const slotId of leftBehind) if (!freeing.has(slotId)) void freeSurely(slotId);
    for (const slot of classes.forget()) void freeSurely(slot.id);
    reviewing ??= dropDead()
      .catch((err: unknown) => log.warn({ err }, 'cannot look at the slots that are ready'))
      .finally(() => {
        reviewing = undefined;
        refill();
      });
  };

  const reviewTimer = setInterval(review, reviewEveryMs ?? REVIEW_EVERY_MS).unref();

  return {
    /** A slot of that kind: a ready one if there is one, or soon will be. The caller owns it until `free`. */
    take,
    /**
     * While a sandbox starts, nothing is made ahead of time: it would take the processor from the start. Nor right after
     * it: to start a program stops this process for milliseconds, and the answer and the first command come first.
     */
    rush: rush.during,
    /** A slot of that kind that has not waited. */
    takeFresh: make,
    free,
    /** Ends what runs in a slot and removes it from the host, but for its network, which goes by itself afterwards. */
    vacate,
    /** Frees a slot that no record names; never rejects, and tries again when it fails. */
    freeSurely,
    /** As above, but not while sandboxes start: whoever suspends one may want it again at once. */
    freeAside: (slotId: string): Promise<void> => freeAside(slotId, free),
    refill,
    readyCount: classes.readyCount,
    /** Frees what is ready, and ends what is being freed; slots that were taken stay. */
    close: async (): Promise<void> => {
      closing.abort(new Error('the server is stopping'));
      clearInterval(reviewTimer);
      await Promise.all([refilling, reviewing]);
      const left = classes.ready().filter(classes.drop);
      await Promise.all([...left.map((slot) => freeSurely(slot.id)), ...freeing.values()]);
    },
  };
}
