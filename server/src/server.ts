import { rmSync } from 'node:fs';
import { ensureAdminKey } from './admin-key.ts';
import type { ServerConfig } from './config.ts';
import { requireCertificates } from './extra-ca.ts';
import type { createHttpServer } from './listener.ts';
import { systemClock } from './lib/clock.ts';
import type { Log } from './lib/log.ts';
import { openDataDir, writePrivate } from './store/data-dir.ts';
import type { DataDir } from './store/data-dir.ts';
import { openDb } from './store/db.ts';
import { createSshEndpoint } from './ssh-endpoint.ts';
import { createTenancy } from './tenancy/tenancy.ts';
import type { Tenancy } from './tenancy/tenancy.ts';
import { serverFileContent } from './server-file.ts';
import type { Start } from './start.ts';
import { openHttp } from './open-http.ts';
import { openSecrets } from './open-secrets.ts';
import { openParts } from './open-parts.ts';

/** A server that answers. */
export interface RunningServer {
  url: string;
  /** Stops answering, lets operations end, and keeps running sandboxes for the next start. */
  close(): Promise<void>;
}

const FLUSH_KEY_USE_EVERY_MS = 60_000;

/**
 * Puts the parts together, settles what an earlier process left, and begins to answer; `signal` gives up between two
 * steps. A start that does not come to its end closes what it had opened just as a stop does: the last part first, and
 * the others also where one of them fails.
 */
export async function startServer(
  config: ServerConfig,
  log: Log,
  signal: AbortSignal = new AbortController().signal,
): Promise<RunningServer> {
  if (config.extraCaFile !== undefined) requireCertificates(config.extraCaFile);
  const opened = new AsyncDisposableStack();
  try {
    const url = await open({ config, log, signal, opened });
    return { url, close: () => opened.disposeAsync() };
  } catch (error) {
    await opened
      .disposeAsync()
      .catch((err: unknown) => log.error({ err }, 'a start that failed left something behind'));
    throw error;
  }
}

async function open(start: Start): Promise<string> {
  const { config, log, signal, opened } = start;
  const dataDir = openDataDir(config.dataDir);
  opened.defer(() => dataDir.unlock());
  const db = openDb(dataDir.databasePath);
  opened.defer(() => db.close());
  const tenancy = createTenancy({ db, clock: systemClock, log });
  opened.defer(() => tenancy.authenticator.flushUse());
  opened.defer(() => tenancy.audit.flush());
  ensureAdminKey({ config, dataDir, tenancy });

  const sealed = openSecrets(dataDir, db, log);
  const parts = await openParts(start, { dataDir, db, tenancy, ...sealed });
  signal.throwIfAborted();
  const ssh = createSshEndpoint({ ...start, ...parts, dataDir: dataDir.path, tenancy });
  const { http, localPorts, schedules } = await openHttp(start, {
    ...parts,
    ...sealed,
    ssh,
    tenancy,
    db,
    serverKey: dataDir.serverKey,
  });
  log.info(await parts.sandboxes.open(), 'reconciled');
  schedules.open();
  localPorts.start(http.accept);
  opened.defer(await ssh.open());
  await parts.builds.open();
  signal.throwIfAborted();
  const flushing = setInterval(() => keepKeyUse(tenancy, log), FLUSH_KEY_USE_EVERY_MS).unref();
  opened.defer(() => clearInterval(flushing));
  const url = await listen(http, config, dataDir);
  opened.defer(() => rmSync(dataDir.serverFilePath, { force: true }));
  return url;
}

/** When keys were used is worth no more than a line in the log where it cannot be written. */
function keepKeyUse({ authenticator }: Tenancy, log: Log): void {
  try {
    authenticator.flushUse();
  } catch (err) {
    log.warn({ err }, 'cannot write when keys were used');
  }
}

/** The command line on the same machine finds server and key by these two files. */
async function listen(
  http: Awaited<ReturnType<typeof createHttpServer>>,
  config: ServerConfig,
  dataDir: DataDir,
): Promise<string> {
  const port = await http.listen(config.host, config.port);
  const shownHost = config.host === '0.0.0.0' || config.host === '::' ? '127.0.0.1' : config.host;
  const url = `http://${shownHost.includes(':') ? `[${shownHost}]` : shownHost}:${port}`;
  writePrivate(dataDir.serverFilePath, serverFileContent(url));
  return url;
}
