import { once } from 'node:events';
import { dirname } from 'node:path';
import { ConfigError, readConfig, serverFlags } from './config.ts';
import type { ServerConfig } from './config.ts';
import { collectWhenIdle } from './lib/idle-collection.ts';
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
  using _collecting = keepMemorySmall();
  log.info({ url: server.url, runtime: config.runtime, dataDir: config.dataDir }, 'listening');
  onReady(server.url);
  if (!stop.aborted) await once(stop, 'abort');
  log.info('stopping');
  await server.close();
}

/**
 * Half of the heap is what loading and the first look at images left, and later what the last burst of requests needed: on
 * its own it would stay for hours. Only `bin/atoll` starts Node so that it can be told to look.
 */
function keepMemorySmall(): Disposable {
  const { gc } = globalThis;
  if (gc === undefined) return { [Symbol.dispose]: () => {} };
  // A usual collection gives a third as much back.
  const collect = (): void => gc({ type: 'major', execution: 'sync', flavor: 'last-resort' });
  const stop = collectWhenIdle({ usedBytes: process.memoryUsage.rss, collect });
  return { [Symbol.dispose]: stop };
}

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
