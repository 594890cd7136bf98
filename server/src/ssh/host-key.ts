import { generateKeyPairSync } from 'node:crypto';
import { join } from 'node:path';
import { once } from '../store/data-dir.ts';

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
