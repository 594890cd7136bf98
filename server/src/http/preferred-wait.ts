/** Proxies on the way give up on a silent server after a minute or so. */
const MAX_WAIT_MS = 55_000;

/**
 * How long a client would rather wait for the result than be told that the work has begun: `Prefer: wait=N`, in seconds
 * (https://www.rfc-editor.org/rfc/rfc7240#section-4.3).
 */
export function preferredWaitMs(header: string | undefined): number {
  const seconds = /(?:^|[,;\s])wait=(\d+)/i.exec(header ?? '')?.[1];
  return Math.min(Number(seconds ?? 0) * 1000, MAX_WAIT_MS);
}
