import { command } from '../command.ts';
import { UsageError } from '../failure.ts';
import { anything } from '../parameter.ts';

/** In-process: the server is the one thing here that is not reached through the SDK. */
export const server = command({
  name: 'server',
  summary: 'run a server on this machine until it is told to stop',
  args: { flags: anything('flags', 'see `server --help`') },
  options: {},
  isRaw: true,
  failure: 'run the server',
  run: async ({ args, context }) => {
    const { ConfigError, runServer, serverFlags } = await import('@atoll/server');
    if (args.flags.includes('--help') || args.flags.includes('-h')) {
      return await context.output.line(formatHelp(serverFlags));
    }
    context.yieldSignals();
    try {
      await runServer(args.flags, (url) => context.output.note(`Atoll listens on ${url}`));
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      throw new UsageError(error.message, 'See `atoll server --help`.');
    }
    return 0; // stopping on a signal is what was asked for
  },
});

interface Flag {
  type: string;
  description: string;
  default?: string | boolean;
}

function formatHelp(flags: Record<string, Flag>): string {
  const lines = Object.entries(flags).map(([name, { type, description, default: preset }]) => {
    const term = `--${name}${type === 'string' ? ' <value>' : ''}`;
    return `  ${term.padEnd(24)}${description}${typeof preset === 'string' ? ` (default: ${preset})` : ''}`;
  });
  return [
    'Usage: server [options]',
    '',
    'Runs a server on this machine until it is told to stop.',
    '',
    ...lines,
  ].join('\n');
}
