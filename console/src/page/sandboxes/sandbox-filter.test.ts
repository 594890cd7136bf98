import type { SandboxInfo } from '@atoll/sdk';
import { expect, test } from 'vitest';
import { countViews, filterSandboxes, viewOf } from './sandbox-filter.ts';

const sandbox = (sandboxId: string, status: string, more: Partial<SandboxInfo> = {}): SandboxInfo =>
  ({ sandboxId, status, createdAt: new Date(0), ...more }) as unknown as SandboxInfo; // all that is read

const all = [
  sandbox('one', 'running', { name: 'Crawler', createdAt: new Date(1) }),
  sandbox('two', 'suspended', { image: 'data-tools', createdAt: new Date(2) }),
  sandbox('three', 'terminated'),
];
const ids = (found: SandboxInfo[]): string[] => found.map(({ sandboxId }) => sandboxId);

test('ended sandboxes are shown only when asked for', () => {
  expect(ids(filterSandboxes(all, 'living', ''))).toEqual(['two', 'one']);
  expect(ids(filterSandboxes(all, 'terminated', ''))).toEqual(['three']);
});

test('a search finds names, ids and images in any case', () => {
  expect(ids(filterSandboxes(all, 'all', 'crawl'))).toEqual(['one']);
  expect(ids(filterSandboxes(all, 'all', 'DATA'))).toEqual(['two']);
  expect(ids(filterSandboxes(all, 'all', ' three '))).toEqual(['three']);
});

test('each view is counted', () => {
  expect(countViews(all)).toEqual({ living: 2, running: 1, suspended: 1, terminated: 1, all: 3 });
});

test('a view that nobody knows is that of the living', () => {
  expect(viewOf('nonsense')).toBe('living');
});
