import { createHash } from 'node:crypto';
import { ApiError } from '@atoll/protocol';

export interface SshPublicKey {
  type: string;
  /** `SHA256:` and the hash in base64, as OpenSSH writes it. */
  fingerprint: string;
  comment: string;
}

const types: ReadonlySet<string> = new Set([
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'ssh-rsa',
]);
const MIN_RSA_BYTES = 256;

/** Reads a line of an OpenSSH `.pub` file. Throws `invalid_request`. */
export function parseSshPublicKey(line: string): SshPublicKey {
  const [type = '', base64 = '', ...comment] = line.trim().split(/\s+/);
  const blob = Buffer.from(base64, 'base64');
  if (/PRIVATE KEY/.test(line))
    throw new ApiError('invalid_request', 'this is a private key: it stays with you; give the .pub file');
  if (!types.has(type) || blob.toString('base64') !== base64 || readString(blob, 0).toString() !== type)
    throw new ApiError(
      'invalid_request',
      `publicKey is not one of ${[...types].join(', ')} in OpenSSH's form`,
    );
  if (type === 'ssh-rsa' && rsaBytes(blob) < MIN_RSA_BYTES)
    throw new ApiError('invalid_request', 'RSA keys need at least 2048 bits');
  return { type, fingerprint: fingerprintOf(blob), comment: comment.join(' ') };
}

export const fingerprintOf = (blob: Buffer): string =>
  `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;

function readString(blob: Buffer, offset: number): Buffer {
  if (offset + 4 > blob.length) return Buffer.alloc(0);
  return blob.subarray(offset + 4, offset + 4 + blob.readUInt32BE(offset));
}

/** Type, exponent and modulus follow each other; the modulus begins with a zero that is no part of its size. */
function rsaBytes(blob: Buffer): number {
  const exponentAt = 4 + readString(blob, 0).length;
  const modulus = readString(blob, exponentAt + 4 + readString(blob, exponentAt).length);
  return modulus[0] === 0 ? modulus.length - 1 : modulus.length;
}
