import { createHash } from 'node:crypto';
import { ApiError } from '@atoll/protocol';

const hexLengths = { sha256: 64, sha512: 128 } as const;

export interface Digest {
  algorithm: keyof typeof hexLengths;
  hex: string;
}

/** The parts of `sha256:<hex>` or `sha512:<hex>`; absent for anything else. */
export function tryParseDigest(text: string): Digest | undefined {
  const [, algorithm, hex] = /^(sha256|sha512):([0-9a-f]+)$/.exec(text) ?? [];
  if (algorithm !== 'sha256' && algorithm !== 'sha512') return undefined;
  return hex?.length === hexLengths[algorithm] ? { algorithm, hex } : undefined;
}

/** As `tryParseDigest`, for digests that must be right. */
export function parseDigest(text: string): Digest {
  const digest = tryParseDigest(text);
  if (digest) return digest;
  throw new ApiError('invalid_request', `not a sha256 or sha512 digest: ${text.slice(0, 200)}`);
}

/** Relative path under which content of this digest is kept. */
export function digestPath(text: string): string {
  const { algorithm, hex } = parseDigest(text);
  return `${algorithm}/${hex}`;
}

/** Counts and hashes bytes as they pass, to compare them with `expected` at the end. */
export function createVerifier(expected: string, what: string) {
  const { algorithm } = parseDigest(expected);
  const hash = createHash(algorithm);
  let sizeBytes = 0;
  return {
    update(chunk: Buffer): void {
      hash.update(chunk);
      sizeBytes += chunk.length;
    },
    sizeBytes: () => sizeBytes,
    /** Throws when the bytes were not those of the digest. */
    verify(): void {
      const actual = `${algorithm}:${hash.digest('hex')}`;
      if (actual === expected) return;
      throw new ApiError('invalid_request', `${what} has digest ${actual} instead of ${expected}`, {
        hint: 'The image is damaged or incomplete: fetch or build it again.',
      });
    },
  };
}
