import { command } from '../../../command.ts';
import { ports } from '../../../option/port.ts';
import { sandbox } from '../../../option/sandbox.ts';
import { accessLine } from './access-line.ts';

export const rm = command({
  name: 'rm',
  aliases: ['unexpose'],
  summary: 'stop passing requests to ports of a sandbox',
  args: { sandbox, ports },
  options: {},
  failure: 'take ports back',
  run: async ({ args, context }) => {
    const { output, signal } = context;
    const info = await context.sandboxes.unexposePorts(args.sandbox, args.ports, { signal });
    await output.result(info, () =>
      info.exposedPorts.length === 0
        ? `Sandbox ${args.sandbox} exposes no ports now`
        : `Sandbox ${args.sandbox} now exposes ${info.exposedPorts.join(', ')}\n${accessLine(info)}`,
    );
  },
});
