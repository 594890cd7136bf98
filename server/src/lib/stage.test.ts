import { expect, test } from 'vitest';
import { serverTiming, stage, stagesSoFar, withStages } from './stage.ts';

test('parts of the work are noted in the order in which they end, also those that fail', async () => {
  const names = await withStages(async (stages) => {
    await stage('first', () => Promise.resolve());
    await stage('second', () => Promise.reject(new Error('no'))).catch(() => {});
    return stages.map(({ name }) => name);
  });
  expect(names).toEqual(['first', 'second']);
});

test('requests at the same time note their own parts alone', async () => {
  const run = (name: string) =>
    withStages(async (stages) => {
      await stage(name, () => Promise.resolve());
      return stages.map((each) => each.name);
    });
  expect(await Promise.all([run('a'), run('b')])).toEqual([['a'], ['b']]);
});

test('a part that is looked at by itself has its own list, and is in that of the whole', async () => {
  const whole = await withStages(async (stages) => {
    await stage('before', () => {});
    const part = await withStages(async () => {
      await stage('inside', () => {});
      return stagesSoFar();
    });
    expect(part.map(({ name }) => name)).toEqual(['inside']);
    return stages.map(({ name }) => name);
  });
  expect(whole).toEqual(['before', 'inside']);
});

test('where nobody asks, nothing is noted and the work is done', async () => {
  expect(await stage('alone', () => 7)).toBe(7);
});

test('the header names each part and the whole', () => {
  expect(serverTiming([{ name: 'slot', ms: 1.26 }], 2)).toBe('slot;dur=1.3, total;dur=2.0');
});
