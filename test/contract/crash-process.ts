import type { SandboxSpec, Slot } from '@atoll/server/runtime/driver';
import { openDriver } from './driver-stand.ts';
import type { DriverFolders, DriverKind } from './driver-stand.ts';

/** A process that prepares and starts a slot, to be killed: KIND FOLDERS SLOT SPEC, all but the first as JSON. */
const [kind = '', folders = '', slotJson = '', specJson = ''] = process.argv.slice(2);
// The test that gives the arguments has them typed.
const driver = await openDriver(kind as DriverKind, JSON.parse(folders) as DriverFolders);
const slot = JSON.parse(slotJson) as Slot;
const never = new AbortController().signal;
console.log('begins');
await driver.prepare(slot, never);
await driver.start(slot, JSON.parse(specJson) as SandboxSpec, never);
console.log('runs');
setInterval(() => {}, 1000);
