import type { ServerConfig } from './config.ts';
import type { Log } from './lib/log.ts';

/** What each step of a start works with. */
export interface Start {
  config: ServerConfig;
  log: Log;
  /** Gives up between two steps. */
  signal: AbortSignal;
  /** What has been opened, closed again last first. */
  opened: AsyncDisposableStack;
}
