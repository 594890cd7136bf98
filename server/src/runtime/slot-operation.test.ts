import { expect, test } from 'vitest';
import { createSlotOperations } from './slot-operation.ts';

const untilAborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
const never = new AbortController().signal;

test('cancelling aborts the operations of the slot alone and waits for their end', async () => {
  const operations = createSlotOperations();
  const ended: string[] = [];
  const wait = (slotId: string): Promise<void> =>
    operations.run(slotId, never, untilAborted).catch(() => void ended.push(slotId));
  void wait('a');
  void wait('b');
  await operations.cancel('a');
  await Promise.resolve();
  expect(ended).toEqual(['a']);
});

test('cancelling a slot without operations does nothing', async () => {
  await createSlotOperations().cancel('a');
});

test('an operation ends with the signal of its caller', async () => {
  const caller = new AbortController();
  const operation = createSlotOperations().run('a', caller.signal, untilAborted);
  caller.abort(new Error('enough'));
  await expect(operation).rejects.toThrow('enough');
});
