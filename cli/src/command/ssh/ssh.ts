import { group } from '../../command.ts';
import { keys } from './keys/keys.ts';

export const ssh = group({
  name: 'ssh',
  summary: 'what opens sandboxes to programs that speak SSH',
  commands: [keys],
});
