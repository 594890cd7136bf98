import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fingerprintOf, parseSshPublicKey } from '../tenancy/ssh-public-key.ts';
import { createLoginLimit } from '../tenancy/login-limit.ts';
import { createFrameReader } from './session-connection.ts';

const frame = (type: number, payload: Buffer): Buffer => {
  const head = Buffer.alloc(5);
  head.writeUInt8(type);
  head.writeUInt32BE(payload.length, 1);
  return Buffer.concat([head, payload]);
};

test('frames are read whole however they are cut', () => {
  const frames = fc.array(fc.tuple(fc.integer({ min: 1, max: 3 }), fc.uint8Array({ maxLength: 300 })));
  fc.assert(
    fc.property(frames, fc.integer({ min: 1, max: 50 }), (given, size) => {
      const read: [number, string][] = [];
      const take = createFrameReader((type, payload) => read.push([type, payload.toString('hex')]) > 0);
      const bytes = Buffer.concat(given.map(([type, payload]) => frame(type, Buffer.from(payload))));
      for (let at = 0; at < bytes.length; at += size) take(bytes.subarray(at, at + size));
      expect(read).toEqual(given.map(([type, payload]) => [type, Buffer.from(payload).toString('hex')]));
    }),
  );
});

test('a frame beyond the bound is the end', () => {
  const take = createFrameReader(() => true);
  expect(take(Buffer.from([1, 0xff, 0xff, 0xff, 0xff]))).toBeUndefined();
});

test('an address that fails too often is not listened to until a minute has passed', () => {
  let now = 0;
  const limit = createLoginLimit(() => now);
  for (let failed = 0; failed < 10; failed += 1) limit.fail('a');
  expect([limit.isBlocked('a'), limit.isBlocked('b')]).toEqual([true, false]);
  now = 60_001;
  expect(limit.isBlocked('a')).toBe(false);
});

const ed25519 = `AAAAC3NzaC1lZDI1NTE5${Buffer.concat([Buffer.from([0, 0, 0, 32]), Buffer.alloc(32, 7)]).toString('base64')}`;

test('a public key is read as OpenSSH writes it', () => {
  const key = parseSshPublicKey(`ssh-ed25519 ${ed25519} me@laptop\n`);
  expect(key).toMatchObject({ type: 'ssh-ed25519', comment: 'me@laptop' });
  expect(key.fingerprint).toBe(fingerprintOf(Buffer.from(ed25519, 'base64')));
});

test.each([
  ['-----BEGIN OPENSSH PRIVATE KEY-----', 'stays with you'],
  ['ssh-dss AAAA', 'not one of'],
  [`ssh-rsa ${ed25519}`, 'not one of'],
  ['ssh-ed25519 !!!', 'not one of'],
  ['', 'not one of'],
])('%j is refused', (line, why) => {
  expect(() => parseSshPublicKey(line)).toThrow(why);
});

test('whatever is given as a key, it is a key or refused', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('ssh-rsa', 'ssh-ed25519'),
      fc.uint8Array({ maxLength: 200 }),
      (type, bytes) => {
        const body = Buffer.concat([frame(0, Buffer.from(type)).subarray(1), Buffer.from(bytes)]).toString(
          'base64',
        );
        try {
          parseSshPublicKey(`${type} ${body}`);
        } catch (error) {
          expect(error).toHaveProperty('code', 'invalid_request');
        }
      },
    ),
  );
});
