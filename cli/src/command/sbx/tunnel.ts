import { once } from 'node:events';
import { command } from '../../command.ts';
import { sandbox } from '../../option/sandbox.ts';
import { integer, required, value } from '../../parameter.ts';

const port = integer(1, 65_535);

export const tunnel = command({
  name: 'tunnel',
  summary: 'make a port of a sandbox a local one until Ctrl-C',
  examples: ['sbx tunnel my-env 5432', 'sbx tunnel my-env 8080 -l 3000'],
  args: { sandbox, port: required('port', 'port in the sandbox') },
  options: { local: value('-l, --local-port <port>', 'default: the same port', port) },
  failure: 'open tunnel',
  run: async ({ args, options, context }) => {
    const { output, signal } = context;
    const remotePort = port(args.port);
    const found = await context.sandboxes.connect(args.sandbox, { signal });
    await using opened = await found.createTunnel(remotePort, {
      localPort: options.local ?? remotePort,
      onError: (error) =>
        output.note(`A connection failed: ${error instanceof Error ? error.message : String(error)}`),
    });
    const { host, port: localPort } = opened.address();
    output.note(
      `Listening on ${host}:${localPort} and forwarding to sandbox ${args.sandbox} port ${remotePort}. Press Ctrl-C to stop.`,
    );
    if (!signal.aborted) await once(signal, 'abort');
    return 0;
  },
});
