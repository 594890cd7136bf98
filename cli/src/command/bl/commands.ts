import type { AnyCommand } from '../../command.ts';
import { logout } from '../logout.ts';
import { apply } from './apply.ts';
import { connect } from './connect.ts';
import { deploy } from './deploy.ts';
import { fork } from './fork.ts';
import { get } from './get.ts';
import { login } from './login.ts';
import { logs } from './logs.ts';
import { create } from './new.ts';
import { push } from './push.ts';
import { remove } from './remove.ts';
import { run } from './run.ts';
import { share, unshare } from './share.ts';
import { token, workspaces } from './token.ts';

/** What the program is under the name `bl`. */
export const blCommands: readonly AnyCommand[] = [
  login,
  logout,
  workspaces,
  token,
  create,
  push,
  deploy,
  apply,
  fork,
  get,
  remove,
  share,
  unshare,
  run,
  logs,
  connect,
];
