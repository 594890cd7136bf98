import { ApiError } from '@atoll/protocol';
import { expect, test } from 'vitest';
import { systemClock } from '../lib/clock.ts';
import type { Declaration, DeclarationStore } from '../store/declaration-store.ts';
import type { SandboxRecord } from '../store/sandbox-store.ts';
import { createDeclaredSandboxes } from './declared-sandboxes.ts';
import type { DeclaredSandboxesOptions } from './declared-sandboxes.ts';

const declaration: Declaration = {
  labels: {},
  spec: {},
  createdAt: 1,
  updatedAt: 1,
  createdBy: 'me',
  updatedBy: 'me',
  revisions: [],
};

/** One sandbox that runs, was declared as `box`, and cannot be suspended. */
function openDeclared() {
  let record = { id: 'a', workspaceId: 'w', name: 'box', state: 'running' } as SandboxRecord;
  let shown = declaration;
  const sandboxes = {
    getToTerminate: () => record,
    update: (_workspace: string, _id: string, { deactivatedAt }: { deactivatedAt?: number | null }) => {
      const { deactivatedAt: _, ...rest } = record;
      return (record = { ...rest, ...(deactivatedAt != null && { deactivatedAt }) });
    },
    suspend: async () => {
      expect(record.deactivatedAt).toBeDefined();
      throw new ApiError('host_out_of_disk', 'no room');
    },
  } as unknown as DeclaredSandboxesOptions['sandboxes']; // what archives use of them
  const declarations = {
    find: () => shown,
    put: (_record: SandboxRecord, next: Declaration) => void (shown = next),
  } as unknown as DeclarationStore; // as above
  const environments = { of: () => ({}) };
  const declared = createDeclaredSandboxes({
    sandboxes,
    declarations,
    environments,
    onSucceeded: () => {},
    clock: systemClock,
  });
  return { declared, now: () => ({ record, shown }) };
}

test('a sandbox that cannot be put by is as before', async () => {
  const { declared, now } = openDeclared();
  await expect(declared.setArchived('w', 'box', true)).rejects.toMatchObject({ code: 'host_out_of_disk' });
  expect(now().shown).toEqual(declaration);
  expect(now().record).not.toHaveProperty('deactivatedAt');
});
