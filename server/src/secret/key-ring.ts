import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { randomId } from '../lib/id.ts';
import { writePrivate } from '../store/data-dir.ts';

const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

interface Key {
  id: string;
  bytes: Buffer;
}

export type KeyRing = ReturnType<typeof openKeyRing>;

/**
 * The keys that secrets are sealed with: lines `ID HEX` of a file that only the server's user can read. The last line
 * is the current key; those before it are there only while a rotation is under way.
 */
export function openKeyRing(file: string) {
  let keys = existsSync(file) ? parseKeys(file) : [];

  /** What is sealed with a key comes after the key is on the disk. */
  const keep = (next: Key[]): void => {
    writePrivate(file, next.map(({ id, bytes }) => `${id} ${bytes.toString('hex')}`).join('\n'));
    keys = next;
  };

  const current = (): Key => {
    const last = keys.at(-1);
    if (last === undefined) throw new Error(`${file} holds no key`);
    return last;
  };

  const addKey = (): void => keep([...keys, { id: randomId(8), bytes: randomBytes(32) }]);

  if (keys.length === 0) addKey();

  return {
    currentId: (): string => current().id,
    /** Whether a rotation has not come to its end. */
    isRotating: (): boolean => keys.length > 1,
    /** Makes a new current key beside those that there are. */
    addKey,
    /** Forgets all keys but the current one. */
    dropOldKeys: (): void => keep([current()]),
    /** Seals a text with the current key, for one place: elsewhere it does not open. */
    seal: (text: string, place: string): { keyId: string; sealed: Buffer } => {
      const { id, bytes } = current();
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv(CIPHER, bytes, nonce, { authTagLength: TAG_BYTES });
      cipher.setAAD(Buffer.from(place));
      const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
      return { keyId: id, sealed: Buffer.concat([nonce, cipher.getAuthTag(), body]) };
    },
    /** Opens what was sealed for that place. Throws when the key is not there, or the bytes are not what was sealed. */
    open: (keyId: string, sealed: Uint8Array, place: string): string => {
      const key = keys.find(({ id }) => id === keyId);
      if (key === undefined)
        throw new Error(`a value was sealed with key ${keyId}, which ${file} does not hold`);
      const nonce = sealed.subarray(0, NONCE_BYTES);
      const decipher = createDecipheriv(CIPHER, key.bytes, nonce, { authTagLength: TAG_BYTES });
      decipher.setAAD(Buffer.from(place));
      decipher.setAuthTag(sealed.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
      const body = sealed.subarray(NONCE_BYTES + TAG_BYTES);
      return Buffer.concat([decipher.update(body), decipher.final()]).toString('utf8');
    },
  };
}

/** The content of a file that is not one of ours stays out of the error: it may hold keys. */
function parseKeys(file: string): Key[] {
  const lines = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '');
  return lines.map((line, at) => {
    const [, id, hex] = /^([a-z0-9]{8}) ([0-9a-f]{64})$/.exec(line) ?? [];
    if (id === undefined || hex === undefined) throw new Error(`line ${at + 1} of ${file} is no key`);
    return { id, bytes: Buffer.from(hex, 'hex') };
  });
}
