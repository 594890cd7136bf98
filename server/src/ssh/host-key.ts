import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { join } from 'node:path';
import { once } from '../store/data-dir.ts';
import { fingerprintOf } from '../tenancy/ssh-public-key.ts';

/** The host key of this server: made at the first start and kept, because clients remember it. PEM, mode 0600. */
export const openHostKey = (dataDir: string): string =>
  once(join(dataDir, 'ssh-host-key'), () => newRsaKey());

/** RSA, which every client knows and Node writes in a form that the library reads. */
function newRsaKey(): string {
  const { privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 3072,
    privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  return privateKey.trim();
}

/** What `ssh` shows when it meets the server for the first time. */
export function hostKeyFingerprint(privateKey: string): string {
  const { n = '', e = '' } = createPublicKey(privateKey).export({ format: 'jwk' });
  const numbers = [e, n].map((number) => unsigned(Buffer.from(number, 'base64url')));
  return fingerprintOf(Buffer.concat([Buffer.from('ssh-rsa'), ...numbers].map(withLength)));
}

/** Numbers of SSH have a sign: a first bit that is set belongs to a negative one (RFC 4251, section 5). */
const unsigned = (number: Buffer): Buffer =>
  (number[0] ?? 0) < 0x80 ? number : Buffer.concat([Buffer.alloc(1), number]);

function withLength(part: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(part.length);
  return Buffer.concat([length, part]);
}
