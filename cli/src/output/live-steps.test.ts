import { expect, test } from 'vitest';
import { createLiveSteps } from './live-steps.ts';

/** What stays on the terminal: an erase takes away the lines below the cursor. */
function screenOf(writes: readonly string[]): string[] {
  const lines: string[] = [];
  for (const text of writes) {
    const [, up, rest = ''] = /^(?:\x1b\[(\d+)A\x1b\[0J)?(.*)$/s.exec(text) ?? []; // oxlint-disable-line no-control-regex
    if (up !== undefined) lines.splice(lines.length - Number(up));
    lines.push(...rest.split('\n').slice(0, -1));
  }
  return lines.map((line) => line.replace(/\d+\.\ds/, 'T'));
}

test('ended steps stay, running ones are drawn anew below them, and long or wild lines are tamed', () => {
  const writes: string[] = [];
  const live = createLiveSteps(
    (text) => void writes.push(text),
    () => 26,
  );
  live.begin(1, '[1/2] FROM base');
  live.begin(2, '[2/2] RUN make');
  live.say(2, '\x1b[31mred\x1b[0m and a line that is too long');
  live.finish(1, 'cached', 0);
  expect(screenOf(writes)).toEqual([
    '✓ [1/2] FROM base CACHED',
    '⠋ [2/2] RUN make T',
    '    red and a line that …',
  ]);
  live.finish(2, 'done', 1200);
  live.close();
  expect(screenOf(writes)).toEqual(['✓ [1/2] FROM base CACHED', '✓ [2/2] RUN make T']);
});
