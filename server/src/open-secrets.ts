import { createRegistryLogins } from './image/remote/registry-logins.ts';
import { systemClock } from './lib/clock.ts';
import type { Log } from './lib/log.ts';
import { openKeyRing } from './secret/key-ring.ts';
import { createSandboxEnvironments } from './secret/sandbox-environments.ts';
import { createSecretStore } from './secret/secret-store.ts';
import type { DataDir } from './store/data-dir.ts';
import type { Db } from './store/db.ts';
import { createScheduleStore } from './store/schedule-store.ts';

/** What is sealed with the keys of the data folder; a rotation that an earlier process began comes to its end. */
export function openSecrets(dataDir: DataDir, db: Db, log: Log) {
  const keyRing = openKeyRing(dataDir.secretKeysPath);
  const environments = createSandboxEnvironments({ db, keyRing });
  const scheduleStore = createScheduleStore({ db, sealing: keyRing });
  const registryLogins = createRegistryLogins({ db, sealing: keyRing, clock: systemClock });
  const alsoSealed = [environments, scheduleStore, registryLogins];
  const secrets = createSecretStore({ db, keyRing, alsoSealed, clock: systemClock, log });
  secrets.finishRotation();
  return { secrets, environments, scheduleStore, registryLogins };
}
