import { expect, onTestFinished, test } from 'vitest';
import { openDb } from '../store/db.ts';
import { createPreviewStore } from '../store/preview-store.ts';
import type { SandboxRecord } from '../store/sandbox-store.ts';
import { createPreviews } from './previews.ts';

const request = {
  name: 'app',
  port: 3000,
  isPublic: true,
  requestHeaders: {},
  responseHeaders: {},
  by: 'me',
};
const sandbox = (id: string, name: string): SandboxRecord =>
  ({ id, name, workspaceId: 'w' }) as SandboxRecord; // all that is read

function open() {
  const db = openDb(':memory:');
  onTestFinished(() => db.close());
  db.run('PRAGMA foreign_keys = OFF'); // there are no sandboxes here
  const clock = { now: () => 1 };
  return createPreviews({ store: createPreviewStore(db), serverKey: Buffer.alloc(32), clock });
}

test('a preview stays with its sandbox when that is renamed and another one takes the name', () => {
  const previews = open();
  const first = previews.create(sandbox('one', 'box'), request, false);
  const second = previews.create(sandbox('two', 'box'), request, false);
  expect(second.id).not.toBe(first.id);
  expect([previews.byId(first.id)?.sandboxId, previews.byId(second.id)?.sandboxId]).toEqual(['one', 'two']);
  expect(previews.get(sandbox('one', 'moved'), 'app').id).toBe(first.id);
});

test('the same name of the same sandbox has the same URL again', () => {
  const previews = open();
  const { id } = previews.create(sandbox('one', 'box'), request, false);
  previews.remove(sandbox('one', 'box'), 'app');
  expect(previews.create(sandbox('one', 'moved'), request, false).id).toBe(id);
});
