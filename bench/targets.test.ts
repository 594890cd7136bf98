import { expect, test } from 'vitest';
import { scenarios } from './scenarios.ts';
import { targets } from './targets.ts';

/** Measured for a dialect, of which the targets do not speak. */
const besideTargets = new Set(['create → first exec, Blaxel client', '100 files at once, Blaxel client']);

test('each target is measured by scenarios that exist, or says what shows it', () => {
  const names = new Set(scenarios.map(({ name }) => name));
  const named = targets.flatMap((target) => target.scenarios);
  expect(named.filter((name) => !names.has(name))).toEqual([]);
  const unshown = targets.filter(({ scenarios: own, shownBy }) => own.length === 0 && shownBy === undefined);
  expect(unshown).toEqual([]);
  expect([...names].filter((name) => !named.includes(name) && !besideTargets.has(name))).toEqual([]);
});
