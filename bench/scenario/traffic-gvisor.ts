import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Sandbox } from '@atoll/sdk';
import { run } from '@atoll/server/lib/run';
import { freePort } from '../../test/fixtures/free-port.ts';
import { timed } from '../scenario.ts';
import type { Scenario } from '../scenario.ts';
import { openStand, projectRoot } from '../stand.ts';
import type { Stand } from '../stand.ts';

const MEGABYTES = 256;
const PORT = 8080;
const TIMEOUT_MS = 120_000;

/** Serves zeros by HTTP, prints the address of the sandbox, and nothing else. */
const source = `import socket, socketserver
from http.server import BaseHTTPRequestHandler
class Zeros(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header('Content-Length', str(${MEGABYTES} << 20))
        self.end_headers()
        piece = bytes(1 << 20)
        for _ in range(${MEGABYTES}): self.wfile.write(piece)
    def log_message(self, *words): pass
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
server = Server(('0.0.0.0', ${PORT}), Zeros)
probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
probe.connect(('192.0.2.1', 9))
print(probe.getsockname()[0], flush=True)
server.serve_forever()`;

/** By another process, as clients are: this one is the server. */
const download = (url: string): Promise<number> =>
  timed(() => run(['curl', '--silent', '--fail', '--output', '/dev/null', url], { timeoutMs: TIMEOUT_MS }));

interface Way {
  url: string;
  close: () => void;
}

/** A download of a server in the sandbox on one way through Atoll, against one from the sandbox's own address. */
const trafficScenario = (
  name: string,
  throughput: number,
  openWay: (stand: Stand, sandbox: Sandbox) => Promise<Way>,
): Scenario => ({
  name: `${MEGABYTES} MB ${name}, gVisor`,
  goal: Number((1 / throughput).toFixed(2)),
  rounds: { short: 5, full: 20 },
  open: async () => {
    const stand = await openStand('gvisor', 1);
    try {
      const sandbox = await stand.client.createAndConnect({
        exposedPorts: [PORT],
        allowUnauthenticatedAccess: true,
      });
      const { pid } = await sandbox.startProcess('python3', { args: ['-c', source] });
      const { value: address } = await sandbox.followStdout(pid).next();
      if (address === undefined) throw new Error('the server in the sandbox has ended');
      const way = await openWay(stand, sandbox);
      return {
        subject: { name, run: () => download(way.url) },
        comparator: { name: 'direct', run: () => download(`http://${address.line}:${PORT}/`) },
        close: async () => {
          way.close();
          await stand.close();
        },
      };
    } catch (error) {
      await stand.close();
      throw error;
    }
  },
});

/** By the port of localhost that stands for it. */
export const portGvisor = trafficScenario('from an exposed port', 0.55, async (_stand, sandbox) => {
  const [urls] = (await sandbox.info()).portUrls;
  return { url: urls?.localUrl ?? '', close: () => {} };
});

/** By the command line, which holds the client's end of the tunnel in a process of its own. */
export const tunnelGvisor = trafficScenario('through a tunnel', 0.7, async ({ connection }, sandbox) => {
  const local = String(await freePort());
  const tunnel = ['sbx', 'tunnel', sandbox.sandboxId, String(PORT), '-l', local];
  const argv = [join(projectRoot, 'cli/src/main.ts'), ...tunnel];
  const env = {
    ...process.env,
    ATOLL_URL: connection.apiUrl ?? '',
    ATOLL_API_KEY: connection.apiKey ?? '',
  };
  const child = spawn(process.execPath, argv, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const close = (): void => void child.kill();
  try {
    await untilListening(child);
    return { url: `http://127.0.0.1:${local}/`, close };
  } catch (error) {
    close();
    throw error;
  }
});

/** It says so in its first line. */
async function untilListening({ stderr }: ChildProcess): Promise<void> {
  if (stderr === null) throw new TypeError('the command has no output');
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const [line] = (await once(createInterface({ input: stderr }), 'line', { signal })) as [string];
  if (!line.startsWith('Listening')) throw new Error(`no tunnel: ${line}`);
}
