import type { Context } from '../context.ts';
import { text, value } from '../parameter.ts';

export const workspaceOption = value('--workspace <name>', 'default: the one in use', text);

/** The workspace that a command acts on: the named one, else that of the key. */
export async function workspaceOf(context: Context, given: string | undefined): Promise<string> {
  if (given !== undefined) return given;
  const { namespace } = await context.admin.settings();
  if (namespace !== 'default') return namespace;
  return (await context.admin.whoami({ signal: context.signal })).workspace.name;
}
