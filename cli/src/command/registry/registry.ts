import { group } from '../../command.ts';
import { login } from './login.ts';
import { logout } from './logout.ts';
import { ls } from './ls.ts';

export const registry = group({
  name: 'registry',
  summary: 'where the workspace is logged in to pull images from',
  commands: [login, ls, logout],
});
