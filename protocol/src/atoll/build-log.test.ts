import { expect, test } from 'vitest';
import type { BuildEvent } from './build-event.ts';
import { buildLogLines } from './build-log.ts';

type Given = BuildEvent extends infer E ? (E extends BuildEvent ? Omit<E, 'id' | 'at'> : never) : never;

function render(events: readonly Given[]): string[] {
  return events.flatMap((event, id) => buildLogLines({ ...event, id, at: 0 } as BuildEvent)); // a head and a rest are a whole
}

const started = (step: number, title: string): Given => ({
  type: 'step_started',
  step,
  title,
  stage: 'base',
  number: 1,
  total: 2,
  instruction: 'RUN',
});
const output = (step: number, text: string): Given => ({ type: 'step_output', step, stream: 'stdout', text });
const ended = (step: number, outcome: 'done' | 'cached' | 'failed', durationMs = 0): Given => ({
  type: 'step_ended',
  step,
  outcome,
  durationMs,
});

test('steps that run at the same time are told apart, and each line says its own', () => {
  const events = [
    started(1, '[a 1/2] RUN make'),
    started(2, '[b 1/2] RUN test'),
    output(1, 'one'),
    output(2, 'other\n'),
    output(1, 'two\r\nthree'),
    ended(1, 'done', 1234),
    ended(2, 'failed', 60_000),
  ];
  expect(render(events)).toEqual([
    '#1 [a 1/2] RUN make',
    '#2 [b 1/2] RUN test',
    '#1 one',
    '#2 other',
    '#1 two',
    '#1 three',
    '#1 DONE 1.2s',
    '#2 FAILED 60.0s',
  ]);
});

test('a step that was not run says so', () => {
  expect(render([started(1, '[1/1] RUN x'), ended(1, 'cached')])).toEqual(['#1 [1/1] RUN x', '#1 CACHED']);
});
