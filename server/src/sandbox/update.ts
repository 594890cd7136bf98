import type { SandboxRecord } from '../store/sandbox-store.ts';
import { checkPorts } from './exposure.ts';
import type { Exposure } from './exposure.ts';
import { checkName } from './name.ts';

/** What of a sandbox may change while it lives; absent fields stay. */
export interface SandboxUpdate extends Partial<Exposure> {
  name?: string;
}

/** What of an update is new. */
export function changeOf(record: SandboxRecord, update: SandboxUpdate): SandboxUpdate {
  const { name, allowUnauthenticated } = update;
  if (name !== undefined) checkName(name);
  const exposedPorts = update.exposedPorts && checkPorts(update.exposedPorts);
  return {
    ...(name !== undefined && name !== record.name && { name }),
    ...(exposedPorts && exposedPorts.join() !== record.exposedPorts.join() && { exposedPorts }),
    ...(allowUnauthenticated !== undefined &&
      allowUnauthenticated !== record.allowUnauthenticated && { allowUnauthenticated }),
  };
}
