import { expect, test } from 'vitest';
import type { BuildEvent } from '@atoll/sdk';
import { addEvents, emptyLog, MAX_OUTPUT_CHARS } from './build-log.ts';

const started = (step: number): BuildEvent => ({
  type: 'step_started',
  id: step,
  at: 1000,
  step,
  title: `[${step}/2] RUN make`,
  stage: '',
  number: step,
  total: 2,
  instruction: 'RUN make',
});
const output = (step: number, text: string): BuildEvent => ({
  type: 'step_output',
  id: 10,
  at: 1001,
  step,
  stream: 'stdout',
  text,
});
const ended = (step: number): BuildEvent => ({
  type: 'step_ended',
  id: 20,
  at: 1500,
  step,
  outcome: 'cached',
  durationMs: 500,
});

test('steps that run at the same time keep their output apart', () => {
  const log = addEvents(emptyLog, [started(1), started(2), output(1, 'a'), output(2, 'b'), output(1, 'c')]);
  expect(log.steps.map((step) => step.output)).toEqual(['a\nc\n', 'b\n']);
});

test('a step says how it ended', () => {
  const log = addEvents(addEvents(emptyLog, [started(1)]), [ended(1)]);
  expect(log.steps).toMatchObject([{ title: '[1/2] RUN make', state: 'cached', durationMs: 500 }]);
});

test('of a step that writes much the newest is kept', () => {
  const log = addEvents(emptyLog, [started(1), output(1, 'x'.repeat(MAX_OUTPUT_CHARS)), output(1, 'end')]);
  expect(log.steps[0]?.output).toHaveLength(MAX_OUTPUT_CHARS);
  expect(log.steps[0]?.output.endsWith('end\n')).toBe(true);
});
