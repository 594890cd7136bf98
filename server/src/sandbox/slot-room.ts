import { totalmem } from 'node:os';

/** What a slot that is ready holds of the host's memory: a booted pod, and the start that waits in it. */
const SLOT_MB = 26;
/** The part of the host's memory that slots may hold together. */
const PART = 1 / 20;
/** So many are worth their memory on any host. */
const MIN_READY = 8;
/** More at once than the processors could start while a client waits. */
const MAX_READY = 64;

/** How many slots there may be ready in all sizes together, where the operator asks for `wanted` of the usual one. */
export function slotRoom(wanted: number, hostBytes = totalmem()): number {
  const inMemory = Math.floor((hostBytes / 2 ** 20) * PART) / SLOT_MB;
  return Math.max(wanted, MIN_READY, Math.min(MAX_READY, Math.floor(inMemory)));
}
