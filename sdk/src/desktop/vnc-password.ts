import { createCipheriv } from 'node:crypto';

const KEY_LENGTH = 8;

/**
 * Answers the challenge of VNC authentication (RFC 6143, 7.2.2): DES with the password as key, whose bits VNC takes in
 * reverse. Single DES is a cipher that OpenSSL no longer offers; triple DES with one key three times is the same.
 */
export function answerChallenge(password: string, challenge: Uint8Array): Buffer {
  const key = Buffer.alloc(KEY_LENGTH);
  Buffer.from(password, 'utf8').copy(key, 0, 0, KEY_LENGTH);
  const reversed = key.map(reverseBits);
  const cipher = createCipheriv('des-ede3-ecb', Buffer.concat([reversed, reversed, reversed]), null);
  cipher.setAutoPadding(false);
  return Buffer.concat([cipher.update(challenge), cipher.final()]);
}

function reverseBits(byte: number): number {
  let reversed = 0;
  for (let bit = 0; bit < 8; bit += 1) reversed |= ((byte >> bit) & 1) << (7 - bit);
  return reversed;
}
