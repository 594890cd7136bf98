import { expect, test } from 'vitest';
import { terminateAll } from './terminate-all.ts';

test('every refusal is told, and the others are ended', async () => {
  const ended: string[] = [];
  const refuse = new Error('it is claimed');
  const refusals = await terminateAll(['a', 'b', 'c'], async (id) => {
    if (id !== 'b') throw refuse;
    ended.push(id);
  });
  expect(ended).toEqual(['b']);
  expect(refusals).toEqual([
    { id: 'a', error: refuse },
    { id: 'c', error: refuse },
  ]);
});
