import type { ResourceLimits, Slot, SlotKind } from '../runtime/driver.ts';

export interface SlotClassesOptions {
  /** The size that is kept ready from the start. */
  usualLimits: ResourceLimits;
  /** How many slots of the usual size are kept ready at least; no other size takes their room. */
  minReady: number;
  /** How many ready slots there may be in all sizes together. */
  maxReady: number;
  now?: () => number;
}

interface SlotClass {
  kind: SlotKind;
  ready: Slot[];
  target: number;
  misses: number;
  usedAt: number;
}

/** A size that was asked for once may never be again. */
const MISSES_BEFORE_READY = 2;
/** A size that nobody has asked for in this time is not kept ready any longer. */
const FORGET_AFTER_MS = 5 * 60_000;

export const isSameKind = (one: SlotKind, other: SlotKind): boolean => classKey(one) === classKey(other);

const classKey = ({ limits: { cpus, memoryMb, diskMb }, flavour, purpose = 'start' }: SlotKind): string =>
  `${purpose}/${cpus}/${memoryMb}/${diskMb}/${flavour?.cgroup ?? 'v2'}/${flavour?.packetSockets ?? false}`;

/**
 * Which kinds of slots are kept ready, and which slots are. A kind is a size, and a flavour where an image asks for
 * one; images with one are few, so here a kind is called by its size. A size's target grows by one each time a create
 * finds none, so that a burst like the last one would find as many as it needs, and shrinks when the size is no longer
 * asked for. When there is no room, the size that was asked for longest ago gives way.
 */
export function createSlotClasses({ usualLimits, minReady, maxReady, now = Date.now }: SlotClassesOptions) {
  const classes = new Map<string, SlotClass>();

  const classOf = (kind: SlotKind): SlotClass => {
    const key = classKey(kind);
    const known = classes.get(key);
    if (known) return known;
    const fresh = { kind, ready: [], target: 0, misses: 0, usedAt: now() };
    classes.set(key, fresh);
    return fresh;
  };

  const usual = classOf({ limits: usualLimits });
  usual.target = minReady;

  const readyCount = (): number => classes.values().reduce((sum, { ready }) => sum + ready.length, 0);

  const hasRoom = (slotClass: SlotClass): boolean => {
    const all = readyCount();
    if (all >= maxReady) return false;
    return slotClass === usual || all - usual.ready.length < maxReady - minReady;
  };

  /** A ready slot of the size that has waited longest to be asked for, if it has waited longer than this one. */
  const victimOf = (slotClass: SlotClass): SlotClass | undefined =>
    [...classes.values()]
      .filter((other) => other !== usual && other.ready.length > 0 && other.usedAt < slotClass.usedAt)
      .toSorted((one, two) => one.usedAt - two.usedAt)[0];

  const isShort = ({ ready, target }: SlotClass): boolean => ready.length < target;

  return {
    readyCount,
    /** A ready slot of that kind, which is counted as asked for. */
    take: (kind: SlotKind): Slot | undefined => {
      const slotClass = classOf(kind);
      slotClass.usedAt = now();
      return slotClass.ready.shift();
    },
    /** There was none of that kind. */
    miss: (kind: SlotKind): void => {
      const slotClass = classOf(kind);
      slotClass.misses += 1;
      if (slotClass !== usual && slotClass.misses < MISSES_BEFORE_READY) return;
      slotClass.target = Math.min(maxReady, slotClass.target + 1);
    },
    /** The kind that a slot should be made of next, the one asked for last before others, and the ready slot that has to go for it. */
    nextShort: (): { kind: SlotKind; evicted?: Slot } | undefined => {
      const short = [...classes.values()].filter(isShort).toSorted((one, two) => two.usedAt - one.usedAt);
      for (const slotClass of short) {
        if (hasRoom(slotClass)) return { kind: slotClass.kind };
        const victim = victimOf(slotClass);
        const evicted = victim?.ready.shift();
        if (victim === undefined || evicted === undefined) continue;
        victim.target = victim.ready.length;
        return { kind: slotClass.kind, evicted };
      }
      return undefined;
    },
    /** Takes in a slot that was made ahead of time; `false` when it is no longer wanted. */
    put: (slot: Slot): boolean => {
      const slotClass = classes.get(classKey(slot));
      if (slotClass === undefined || !isShort(slotClass)) return false;
      slotClass.ready.push(slot);
      return true;
    },
    /** The slots of sizes that nobody asks for any longer. */
    forget: (): Slot[] => {
      const surplus: Slot[] = [];
      for (const [key, slotClass] of classes) {
        if (now() - slotClass.usedAt < FORGET_AFTER_MS) continue;
        slotClass.target = slotClass === usual ? minReady : 0;
        slotClass.misses = 0;
        surplus.push(...slotClass.ready.splice(slotClass.target));
        if (slotClass !== usual) classes.delete(key);
      }
      return surplus;
    },
    ready: (): Slot[] => [...classes.values()].flatMap(({ ready }) => ready),
    /** Takes out a ready slot; `false` when somebody has taken it. */
    drop: (dropped: Slot): boolean => {
      const ready = classes.get(classKey(dropped))?.ready ?? [];
      const index = ready.findIndex((slot) => slot.id === dropped.id);
      if (index !== -1) ready.splice(index, 1);
      return index !== -1;
    },
  };
}
