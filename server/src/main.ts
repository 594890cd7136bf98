import { once } from 'node:events';
import { dirname } from 'node:path';
import { ConfigError, readConfig, serverFlags } from './config.ts';
import type { ServerConfig } from './config.ts';
import { createLog } from './lib/log.ts';
import type { Log } from './lib/log.ts';
import { startServer } from './server.ts';

export { createDoctorContext, doctorChecks, runChecks } from './doctor/doctor.ts';
export { ConfigError, serverFlags };

const projectRoot = dirname(dirname(import.meta.dirname));

/**
 * Runs a server until SIGINT or SIGTERM; resolves once it has stopped cleanly, also where the signal came before it
 * answered. Log lines go to standard output. Throws ConfigError for flags that make no sense.
 */
export async function runServer(
  args: readonly string[],
  onReady: (url: string) => void = () => {},
): Promise<void> {
  const stop = listenForStop();
  try {
    const config = readConfig(args, process.env, projectRoot);
    await serve(config, createLog(config.logLevel), stop.signal, onReady);
  } finally {
    stop.forget();
  }
}

async function serve(
  config: ServerConfig,
  log: Log,
  stop: AbortSignal,
  onReady: (url: string) => void,
): Promise<void> {
  const server = await startServer(config, log, stop).catch((error: unknown) => {
    if (error !== stop.reason) throw error;
    log.info('stopped before it listened');
  });
  if (!server) return;
  dropWhatStartingNeeded();
  log.info({ url: server.url, runtime: config.runtime, dataDir: config.dataDir }, 'listening');
  onReady(server.url);
  if (!stop.aborted) await once(stop, 'abort');
  log.info('stopping');
  await server.close();
}

/**
 * Half of the heap is what loading and the first look at images left, and little is allocated from here on: on its own it
 * would stay for hours. There is no such function where Node was not started by `bin/atoll`.
 */
const dropWhatStartingNeeded = (): void =>
  void globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' });

/** A second signal ends the process at once: what is left then is the next start's to reconcile. */
function listenForStop(): { signal: AbortSignal; forget: () => void } {
  const stop = new AbortController();
  const onSignal = (name: NodeJS.Signals): void => {
    if (stop.signal.aborted) process.exit(1);
    stop.abort(new Error(`stopped by ${name}`));
  };
  const names = ['SIGINT', 'SIGTERM'] as const;
  for (const name of names) process.on(name, onSignal);
  return { signal: stop.signal, forget: () => names.forEach((name) => process.off(name, onSignal)) };
}
