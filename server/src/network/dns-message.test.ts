import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  answersQuestion,
  buildQuery,
  emptyAnswer,
  parseAnswer,
  parseQuery,
  withTtlAtMost,
} from './dns-message.ts';
import type { DnsQuestion } from './dns-message.ts';

/** A query for a name under an id, as a client sends it. */
function queryFor(labels: readonly string[], type: number, id = 7): Buffer {
  const name = labels.flatMap((label) => [Buffer.from([label.length]), Buffer.from(label)]);
  const header = Buffer.from([id >> 8, id & 0xff, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
  return Buffer.concat([header, ...name, Buffer.from([0, type >> 8, type & 0xff, 0, 1])]);
}

function questionOf(packet: Buffer): DnsQuestion {
  const query = parseQuery(packet);
  if (query.kind !== 'question') throw new Error(`the packet is ${query.kind}`);
  return query.question;
}

/** The query as an answer with one record, whose name points back at the question. */
function answerTo(query: Buffer, type: number, data: readonly number[]): Buffer {
  const record = [0xc0, 12, type >> 8, type & 0xff, 0, 1, 0, 0, 0, 60, 0, data.length, ...data];
  const answer = Buffer.concat([query, Buffer.from(record)]);
  answer.writeUInt16BE(0x8180, 2);
  answer.writeUInt16BE(1, 6);
  return answer;
}

const label = fc.string({ minLength: 1, maxLength: 20, unit: fc.constantFrom(...'abcdefghijkl0123456789-') });
const labels = fc.array(label, { minLength: 0, maxLength: 8 });

test('a question is read whatever its name and type', () => {
  fc.assert(
    fc.property(labels, fc.integer({ min: 0, max: 65_535 }), (name, type) => {
      const packet = queryFor(name, type);
      expect(questionOf(packet)).toEqual({ name: name.join('.'), type, class: 1, end: packet.length });
    }),
  );
});

test('no packet, however broken, makes reading throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
      const packet = Buffer.from(bytes);
      const query = parseQuery(packet);
      if (query.kind === 'invalid') emptyAnswer(packet, query.code);
      if (query.kind === 'question') emptyAnswer(packet, 0, query.question);
      parseAnswer(packet);
      if (parseAnswer(packet)) withTtlAtMost(packet, 1);
      answersQuestion(packet, 1, { name: 'a', type: 1, class: 1, end: 19 });
    }),
    { numRuns: 2_000 },
  );
});

test('a truncated or altered answer is read or refused, never read past its end', () => {
  const answer = answerTo(queryFor(['example', 'org'], 1), 1, [192, 0, 2, 1]);
  fc.assert(
    fc.property(
      fc.nat(answer.length),
      fc.nat(answer.length - 1),
      fc.integer({ min: 0, max: 255 }),
      (length, position, byte) => {
        const altered = Buffer.from(answer);
        altered[position] = byte;
        const read = parseAnswer(altered.subarray(0, length));
        expect(read?.allAddresses.length ?? 0).toBeLessThanOrEqual(altered.readUInt16BE(6));
      },
    ),
    { numRuns: 2_000 },
  );
});

test('the addresses of A records are found, those of others are not', () => {
  const query = queryFor(['example', 'org'], 1);
  expect(parseAnswer(answerTo(query, 1, [192, 0, 2, 1]))).toEqual({
    chain: ['example.org'],
    addresses: ['192.0.2.1'],
    allAddresses: [0xc0000201],
    ttlSecs: 60,
  });
  expect(parseAnswer(answerTo(query, 16, [3, 97, 98, 99]))?.allAddresses).toEqual([]);
});

test('an answer belongs to a question only under its id, name and type, in any case of letters', () => {
  const query = queryFor(['example', 'org'], 1);
  const question = questionOf(query);
  const answer = answerTo(queryFor(['eXample', 'ORG'], 1), 1, [192, 0, 2, 1]);
  expect(answersQuestion(answer, 7, question)).toBe(true);
  expect(answersQuestion(answer, 8, question)).toBe(false);
  expect(answersQuestion(query, 7, question)).toBe(false);
  expect(answersQuestion(answerTo(queryFor(['example', 'com'], 1), 1, []), 7, question)).toBe(false);
  expect(answersQuestion(answerTo(queryFor(['example', 'org'], 28), 1, []), 7, question)).toBe(false);
});

test('answers are noise, other operations are not implemented, two questions are a format error', () => {
  const query = queryFor(['a'], 1);
  expect(parseQuery(answerTo(query, 1, []))).toEqual({ kind: 'noise' });
  const update = Buffer.from(query);
  update[2] = 5 << 3;
  expect(parseQuery(update)).toEqual({ kind: 'invalid', code: 4 });
  const two = Buffer.from(query);
  two[5] = 2;
  expect(parseQuery(two)).toEqual({ kind: 'invalid', code: 1 });
});

test('an empty answer keeps id and question and has the code', () => {
  const query = queryFor(['example', 'org'], 28);
  const answer = emptyAnswer(query, 5, questionOf(query));
  expect(answersQuestion(answer, 7, questionOf(query))).toBe(true);
  expect([answer[3], parseAnswer(answer)?.addresses]).toEqual([0x80 | 5, []]);
});

const nameBytes = (name: string): Buffer =>
  Buffer.concat([
    ...name.split('.').map((part) => Buffer.from([part.length, ...Buffer.from(part)])),
    Buffer.from([0]),
  ]);

function record(owner: string, type: number, data: Buffer, ttl = 60): Buffer {
  const fixed = Buffer.from([0, type, 0, 1, 0, 0, 0, 0, 0, data.length]);
  fixed.writeUInt32BE(ttl, 4);
  return Buffer.concat([nameBytes(owner), fixed, data]);
}

function answerWith(name: string, records: readonly Buffer[]): Buffer {
  const answer = Buffer.concat([buildQuery(name), ...records]);
  answer.writeUInt16BE(0x8180, 2);
  answer.writeUInt16BE(records.length, 6);
  return answer;
}

test('only the addresses at the end of the chain of names count, in whatever order records come', () => {
  const answer = answerWith('a.example', [
    record('evil.example', 1, Buffer.from([192, 0, 2, 66])),
    record('c.example', 1, Buffer.from([192, 0, 2, 1]), 30),
    record('b.example', 5, nameBytes('c.example'), 90_000),
    record('A.example', 5, nameBytes('B.example')),
  ]);
  expect(parseAnswer(answer)).toEqual({
    chain: ['a.example', 'b.example', 'c.example'],
    addresses: ['192.0.2.1'],
    allAddresses: [0xc0000242, 0xc0000201],
    ttlSecs: 30,
  });
  expect(parseAnswer(withTtlAtMost(answer, 10))?.ttlSecs).toBe(10);
  expect(withTtlAtMost(answer, 100_000).equals(answer)).toBe(true);
});

test('a chain that leads back to itself ends', () => {
  const answer = answerWith('a.example', [
    record('a.example', 5, nameBytes('b.example')),
    record('b.example', 5, nameBytes('a.example')),
  ]);
  expect(parseAnswer(answer)?.chain).toEqual(['a.example', 'b.example']);
});

test('a pointer that leads forwards or to itself is not followed', () => {
  const answer = answerWith('a.example', [
    Buffer.from([0xc0, 27, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 1, 1, 1, 1]),
  ]);
  expect(parseAnswer(answer)).toBeUndefined();
});

test('a label with a dot in it is no name, for it would read as another', () => {
  const packet = queryFor(['evil.example', 'com'], 1);
  expect(parseQuery(packet)).toEqual({ kind: 'invalid', code: 1 });
});
