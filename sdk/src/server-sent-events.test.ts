import { expect, test } from 'vitest';
import { collect } from '../../test/fixtures/collect.ts';
import { readEvents } from './server-sent-events.ts';
import type { ServerSentEvent } from './server-sent-events.ts';

const stream = `: keep-alive\r\n\r\nevent: output\ndata: {"line":"grüße"}\n\ndata:a\rdata: b\r\r\nid: 7\nretry\ndata\n\nevent: eof\r\ndata: {}\r\n\r\n`;
const events: ServerSentEvent[] = [
  { event: 'output', data: '{"line":"grüße"}' },
  { event: 'message', data: 'a\nb' },
  { event: 'message', data: '' },
  { event: 'eof', data: '{}' },
];

async function* inChunksOf(sizeBytes: number, text: string): AsyncGenerator<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length; at += sizeBytes) yield bytes.slice(at, at + sizeBytes);
}

test.each([1, 2, 3, 5, 7, 64, 4096])('events are the same in chunks of %i bytes', async (sizeBytes) => {
  expect(await collect(readEvents(inChunksOf(sizeBytes, stream)))).toEqual(events);
});

test('an event that was cut off is not given out', async () => {
  expect(await collect(readEvents(inChunksOf(9, 'data: {"exit_code":0}\n')))).toEqual([]);
});

test('a line of many megabytes in small chunks is read in linear time', async () => {
  const line = 'x'.repeat(8 * 1024 * 1024);
  const [event] = await collect(readEvents(inChunksOf(16 * 1024, `data: ${line}\n\n`)));
  expect(event?.data.length).toBe(line.length);
});
