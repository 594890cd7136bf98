import { dirname } from 'node:path';
import { ConfigError, readConfig, serverFlags } from './config.ts';
import { createLog } from './lib/log.ts';
import { startServer } from './server.ts';

export { createDoctorContext, doctorChecks, runChecks } from './doctor/doctor.ts';
export { ConfigError, serverFlags };

const projectRoot = dirname(dirname(import.meta.dirname));

/**
 * Runs a server until SIGINT or SIGTERM; resolves once it has stopped cleanly. Log lines go to standard output.
 * Throws ConfigError for flags that make no sense.
 */
export async function runServer(
  args: readonly string[],
  onReady: (url: string) => void = () => {},
): Promise<void> {
  const config = readConfig(args, process.env, projectRoot);
  const log = createLog(config.logLevel);
  const server = await startServer(config, log);
  log.info({ url: server.url, runtime: config.runtime, dataDir: config.dataDir }, 'listening');
  onReady(server.url);
  const signal = await nextSignal();
  log.info({ signal }, 'stopping');
  await server.close();
}

/** A second signal ends the process at once: what is left then is the next start's to reconcile. */
function nextSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let asked = false;
    const stop = (signal: NodeJS.Signals): void => {
      if (asked) process.exit(1);
      asked = true;
      resolve(signal);
    };
    process.on('SIGINT', stop);
    process.on('SIGTERM', stop);
  });
}
