import { pino } from 'pino';
import type { DestinationStream, Logger } from 'pino';

export type Log = Logger;

/** Values under these keys never reach a log line, however deep in an object they sit. */
const secretKeys = ['authorization', 'cookie', 'token', 'apiKey', 'secret', 'password', 'deviceCode'];

const redactedPaths = secretKeys.flatMap((key) => [key, `*.${key}`, `*.*.${key}`]);

/** The server's logger: one JSON object a line. `level` as in pino. */
export function createLog(level: string, destination: DestinationStream = standardOutput()): Log {
  const options = { level, base: null, redact: { paths: redactedPaths, censor: '[redacted]' } };
  return pino(options, destination);
}

/** The server goes on when whoever reads its log is gone. */
function standardOutput(): DestinationStream {
  const output = pino.destination({ dest: 1, sync: true });
  output.on('error', () => {});
  return output;
}
