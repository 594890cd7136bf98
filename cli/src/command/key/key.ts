import { group } from '../../command.ts';
import { create } from './create.ts';
import { ls } from './ls.ts';
import { revoke } from './revoke.ts';

export const key = group({
  name: 'key',
  summary: 'API keys and personal access tokens',
  commands: [ls, create, revoke],
});
