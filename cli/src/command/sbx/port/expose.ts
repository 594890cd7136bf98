import { command } from '../../../command.ts';
import { ports } from '../../../option/port.ts';
import { sandbox } from '../../../option/sandbox.ts';
import { flag } from '../../../parameter.ts';
import { accessLine } from './access-line.ts';

export const expose = command({
  name: 'expose',
  summary: 'let the server pass requests to ports of a sandbox',
  examples: ['sbx port expose my-env 8080 9090', 'sbx port expose --require-key my-env 8080'],
  args: { sandbox, ports },
  options: { requireKey: flag('--require-key', 'only for requests with an API key') },
  failure: 'expose ports',
  run: async ({ args, options, context }) => {
    const { output, signal } = context;
    const asked = args.ports;
    const info = await context.sandboxes.exposePorts(args.sandbox, asked, {
      allowUnauthenticatedAccess: !options.requireKey,
      signal,
    });
    await output.result(info, () =>
      [
        `Exposed ${asked.join(', ')} on sandbox ${args.sandbox}`,
        accessLine(info),
        ...info.portUrls.filter(({ port }) => asked.includes(port)).map(({ url }) => url),
      ].join('\n'),
    );
  },
});
