import { expect, onTestFinished, test, vi } from 'vitest';
import { collectWhenIdle } from './idle-collection.ts';

const MB = 2 ** 20;

/** A process whose memory and work are what a test says. */
function watchProcess() {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  const state = { usedMb: 100, garbageMb: 0, utilization: 0, collections: 0 };
  const stop = collectWhenIdle({
    usedBytes: () => (state.usedMb + state.garbageMb) * MB,
    utilization: () => state.utilization,
    collect: () => {
      state.collections += 1;
      state.garbageMb = 0;
    },
    lookEveryMs: 1_000,
  });
  onTestFinished(() => {
    stop();
    vi.useRealTimers();
  });
  return { state, stop, look: () => vi.advanceTimersByTime(1_000) };
}

/** After the first look, which finds what the start has left. */
function watchProcessThatRuns() {
  const watched = watchProcess();
  watched.look();
  watched.state.collections = 0;
  return watched;
}

test('what a start has left is collected when there is nothing to do, and not again', () => {
  const { state, look } = watchProcess();
  Object.assign(state, { garbageMb: 50, utilization: 0.9 });
  look();
  expect(state.collections).toBe(0);
  state.utilization = 0;
  look();
  look();
  expect(state.collections).toBe(1);
});

test('what a burst has left is collected once it is over, and not before', () => {
  const { state, look } = watchProcessThatRuns();
  Object.assign(state, { garbageMb: 50, utilization: 0.5 });
  look();
  expect(state.collections).toBe(0);
  state.utilization = 0.01;
  look();
  look();
  expect(state.collections).toBe(1);
});

test('neither a little garbage nor what is in use is looked for', () => {
  const { state, look } = watchProcessThatRuns();
  state.garbageMb = 30;
  look();
  expect(state.collections).toBe(0);
  state.usedMb = 150;
  look();
  expect(state.collections).toBe(1);
  for (let looks = 0; looks < 10; looks += 1) look();
  expect(state.collections).toBe(1);
});

test('what becomes less becomes the new measure', () => {
  const { state, look, stop } = watchProcessThatRuns();
  state.usedMb = 80;
  look();
  state.garbageMb = 40;
  look();
  expect(state.collections).toBe(1);
  stop();
  state.garbageMb = 100;
  look();
  expect(state.collections).toBe(1);
});
