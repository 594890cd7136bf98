import type { PortUrl } from '@atoll/sdk';
import { command } from '../../../command.ts';
import { sandbox } from '../../../option/sandbox.ts';

export const ls = command({
  name: 'ls',
  aliases: ['list'],
  summary: 'list the exposed ports of a sandbox and their URLs',
  args: { sandbox },
  options: {},
  failure: 'list ports',
  run: async ({ args, context }) => {
    const { output, signal } = context;
    const info = await context.sandboxes.get(args.sandbox, { signal });
    await output.result(info.portUrls, () =>
      info.portUrls.length === 0
        ? `Sandbox ${args.sandbox} exposes no ports.`
        : [
            `Sandbox: ${args.sandbox}`,
            `Unauthenticated access: ${info.allowUnauthenticatedAccess ? 'enabled' : 'disabled'}`,
            output.table(['Port', 'URL', 'Path URL', 'Local URL'], info.portUrls.map(toRow)),
          ].join('\n'),
    );
  },
});

const toRow = ({ port, url, pathUrl, localUrl = '-' }: PortUrl): string[] => [
  String(port),
  url,
  pathUrl,
  localUrl,
];
