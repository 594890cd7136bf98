import type { SandboxInfo, SnapshotInfo } from '@atoll/sdk';
import { expect, test } from 'vitest';
import { lineageOf } from './lineage.ts';
import type { LineageNode } from './lineage.ts';

const sandbox = (sandboxId: string, more: Partial<SandboxInfo> = {}) =>
  [sandboxId, { sandboxId, createdAt: new Date(0), ...more } as unknown as SandboxInfo] as const; // all that is read
const snapshot = (snapshotId: string, sandboxId: string) =>
  [snapshotId, { snapshotId, sandboxId, createdAt: new Date(1) } as unknown as SnapshotInfo] as const; // likewise

const shape = ({ id, children }: LineageNode): string =>
  children.length === 0 ? id : `${id}(${children.map(shape).join(' ')})`;

test('copies and snapshots hang below what they came from, from the first ancestor on', () => {
  const known = {
    sandboxes: new Map([
      sandbox('a'),
      sandbox('copy', { originSandboxId: 'a' }),
      sandbox('restored', { originSnapshotId: 's' }),
      sandbox('stranger'),
    ]),
    snapshots: new Map([snapshot('s', 'a'), snapshot('t', 'restored')]),
  };
  expect(shape(lineageOf('restored', known))).toBe('a(copy s(restored(t)))');
});

test('a sandbox that was rolled back to its own snapshot stays above it', () => {
  const known = {
    sandboxes: new Map([sandbox('a', { originSnapshotId: 's' })]),
    snapshots: new Map([snapshot('s', 'a')]),
  };
  expect(shape(lineageOf('a', known))).toBe('a(s)');
});

test('an ancestor that is gone is named', () => {
  const known = {
    sandboxes: new Map([sandbox('copy', { originSandboxId: 'gone' })]),
    snapshots: new Map<string, SnapshotInfo>(),
  };
  expect(shape(lineageOf('copy', known))).toBe('gone(copy)');
});

test('what came from each other in a circle ends', () => {
  const known = {
    sandboxes: new Map([sandbox('a', { originSandboxId: 'b' }), sandbox('b', { originSandboxId: 'a' })]),
    snapshots: new Map<string, SnapshotInfo>(),
  };
  expect(shape(lineageOf('a', known))).toBe('b(a)');
});
