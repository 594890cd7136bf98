import type { PtySessionInfo } from '@atoll/sdk';
import { command } from '../../../command.ts';
import { sandbox } from '../../../option/sandbox.ts';
import { formatTime, plural } from '../../../output/format.ts';

export const ls = command({
  name: 'ls',
  aliases: ['list'],
  summary: 'list the terminal sessions of a sandbox',
  args: { sandbox },
  options: {},
  failure: 'list PTY sessions',
  run: async ({ args, context }) => {
    const { output, signal } = context;
    const sessions = await (await context.sandboxes.connect(args.sandbox, { signal })).listPtys({ signal });
    await output.result(sessions, () =>
      sessions.length === 0
        ? `No PTY sessions for sandbox ${args.sandbox}.`
        : `${output.table(header, sessions.map(toRow))}\n${plural(sessions.length, 'session', 'sessions')}`,
    );
  },
});

const header = ['Session', 'PID', 'Status', 'Size', 'Created At', 'Command'];

const toRow = (session: PtySessionInfo): string[] => [
  session.sessionId,
  String(session.pid),
  session.isAlive ? 'running' : `exited ${session.exitCode ?? ''}`.trim(),
  `${session.cols}x${session.rows}`,
  formatTime(session.createdAt),
  [session.command, ...session.args].join(' '),
];
