import { command } from '../../command.ts';
import { optional } from '../../parameter.ts';
import { logIn } from '../login.ts';
import { blOptions } from './option.ts';

export const login = command({
  name: 'login',
  summary: 'log in with --api-key, with BL_API_KEY, or by the approval of a person',
  examples: ['login default --api-key - < key.txt', 'login'],
  args: { workspace: optional('workspace', 'the one to act in') },
  options: blOptions,
  failure: 'log in',
  run: ({ args, options, context }) => {
    const namespace = args.workspace ?? options.workspace;
    return logIn(context, namespace === undefined ? {} : { namespace });
  },
});
