import { randomBytes } from 'node:crypto';

const alphabet = '0123456789abcdefghijklmnopqrstuvwxyz';

/** A random id of `length` characters [a-z0-9], without the bias of a plain modulo. */
export function randomId(length: number): string {
  let id = '';
  while (id.length < length) {
    for (const byte of randomBytes(length * 2)) {
      if (byte < 252 && id.length < length) id += alphabet[byte % 36];
    }
  }
  return id;
}

/** Ids of sandboxes and snapshots have 21 characters (tensorlake wire 1.4.1). */
export const newSandboxId = (): string => randomId(21);
/** Ids of slots are short, because interface names (at most 15 characters) are made of them. */
export const newSlotId = (): string => randomId(8);
