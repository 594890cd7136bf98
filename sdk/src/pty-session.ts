import type { PtySession } from '@atoll/protocol';
import type { PtyConnectionOptions } from './pty.ts';
import type { ProcessUser } from './process-info.ts';
import { withoutUndefined } from './without-undefined.ts';

export interface CreatePtyOptions extends PtyConnectionOptions {
  /** The program on the terminal, such as a shell. */
  command: string;
  args?: string[];
  /** Added to the environment of the sandbox; `TERM` is `xterm-256color` unless it is set. */
  env?: Record<string, string>;
  /** Absolute path. Default: the working directory of the image. */
  workingDir?: string;
  /** Default: the user of the image. */
  user?: ProcessUser;
  /** Default 24. */
  rows?: number;
  /** Default 80. */
  cols?: number;
}

/** A terminal session as the sandbox lists it. */
export interface PtySessionInfo {
  sessionId: string;
  pid: number;
  command: string;
  args: string[];
  rows: number;
  cols: number;
  createdAt: Date;
  endedAt?: Date;
  exitCode?: number;
  isAlive: boolean;
}

export const toPtyBody = (options: CreatePtyOptions) =>
  withoutUndefined({
    command: options.command,
    args: options.args,
    env: options.env,
    working_dir: options.workingDir,
    user: options.user as string | undefined, // the route takes numbers too; an absent gid is absent in both
    rows: options.rows,
    cols: options.cols,
  });

export const toPtySessionInfo = (wire: PtySession): PtySessionInfo =>
  withoutUndefined({
    sessionId: wire.session_id,
    pid: wire.pid,
    command: wire.command,
    args: wire.args,
    rows: wire.rows,
    cols: wire.cols,
    createdAt: new Date(wire.created_at),
    endedAt: wire.ended_at === undefined ? undefined : new Date(wire.ended_at),
    exitCode: wire.exit_code,
    isAlive: wire.is_alive,
  });
