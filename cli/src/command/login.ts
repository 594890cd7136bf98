import { AdminClient, resolveSettings } from '@atoll/sdk';
import type { ConnectionOptions, DeviceLogin } from '@atoll/sdk';
import { configPath, readConfig } from '@atoll/sdk/config';
import type { Profile } from '@atoll/sdk/config';
import { command, group } from '../command.ts';
import type { Context } from '../context.ts';
import { CliError } from '../failure.ts';
import { optional, required } from '../parameter.ts';
import { pause } from '../pause.ts';
import { updateProfile } from '../profile.ts';

const approve = command({
  name: 'approve',
  summary: 'approve the login of another device: it gets a token of yours',
  args: { code: required('code', 'what the other device shows') },
  options: {},
  failure: 'approve login',
  run: async ({ args, context }) => {
    await context.admin.approveLogin(args.code, { signal: context.signal });
    await context.output.result({ approved: args.code }, () => `Approved ${args.code}`);
  },
});

const withKeyOrApproval = command({
  name: 'login',
  summary: 'log in to a server and keep the key in a profile',
  examples: ['login http://10.0.0.5:8900', 'login --api-key - < key.txt', 'login approve ABCD-EFGH'],
  args: { url: optional('url', 'address of the server; default: the one in use') },
  options: {},
  failure: 'log in',
  run: ({ args, context }) => logIn(context, args.url === undefined ? {} : { url: args.url }),
});

/** Logs in with a key, or by the approval of a person, and keeps it in a profile. */
export async function logIn(
  context: Context,
  { url, namespace }: { url?: string; namespace?: string },
): Promise<void> {
  const apiUrl = await addressOf(context, url);
  const given = context.flags.apiKey ?? context.flags.pat;
  const key = given === undefined ? await byDevice(context, apiUrl) : await byKey(context, given);
  const client = clientFor(context, { ...key, apiUrl });
  const identity = await client.whoami({ signal: context.signal });
  const profile = await updateProfile(context, () => ({
    url: apiUrl,
    ...key,
    ...chosenNamespace(context),
    ...(namespace !== undefined && { namespace }),
  }));
  const shown = { profile, apiUrl, account: identity.account, workspace: identity.workspace };
  const who = `${identity.member.name} at ${apiUrl}, workspace ${namespace ?? identity.workspace.name}`;
  await context.output.result(shown, () => `Logged in as ${who} (profile ${profile})`);
}

/** Without a subcommand it logs in. */
export const login = group({
  name: 'login',
  summary: 'log in to a server and keep the key in a profile',
  commands: [approve],
  self: withKeyOrApproval,
});

/** The profile may not be there yet: its login is what makes it. */
function clientFor({ clientOptions }: Context, server: ConnectionOptions): AdminClient {
  const { profile: _, ...options } = clientOptions;
  return new AdminClient({ ...options, ...server });
}

/** The address that was given, else that of the profile, else of the server in use. */
async function addressOf({ flags, env }: Context, given: string | undefined): Promise<string> {
  const known = flags.profile && (await readConfig(configPath(env))).profiles[flags.profile]?.url;
  const url = given ?? flags.apiUrl ?? known;
  return (await resolveSettings(url === undefined ? {} : { apiUrl: url })).apiUrl;
}

const chosenNamespace = ({ flags }: Context) =>
  flags.namespace === undefined ? {} : { namespace: flags.namespace };

type Credentials = Omit<Profile, 'url' | 'namespace'> & { apiKey: string };

async function byKey({ stdin }: Context, given: string): Promise<Credentials> {
  if (given !== '-') return { apiKey: given };
  const chunks: Uint8Array[] = [];
  for await (const chunk of stdin) chunks.push(chunk as Uint8Array);
  const apiKey = Buffer.concat(chunks).toString('utf8').trim();
  if (apiKey === '') throw new CliError('standard input holds no key');
  return { apiKey };
}

async function byDevice(context: Context, apiUrl: string): Promise<Credentials> {
  const client = clientFor(context, { apiUrl });
  const login = await client.startLogin({ signal: context.signal });
  context.output.note(
    `To approve this login, run where you have a key of ${apiUrl}:\n\n  atoll login approve ${login.userCode}\n`,
  );
  const approved = () => untilApproved(client, login, context.signal);
  await context.output.progress('Waiting for the approval', approved);
  const tokens = await client.exchangeLogin(login.deviceCode, { signal: context.signal });
  const { accessToken, organizationId, projectId } = tokens;
  return { apiKey: accessToken, organizationId, projectId };
}

const pollPauseMs = 1_000;

async function untilApproved(client: AdminClient, login: DeviceLogin, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + login.expiresIn * 1000;
  while (Date.now() < deadline) {
    const status = await client.pollLogin(login.deviceCode, { signal });
    if (status === 'approved') return;
    if (status !== 'pending')
      throw new CliError(`the login ${status === 'failed' ? 'was refused' : 'expired'}`);
    await pause(pollPauseMs, signal);
  }
  throw new CliError('the login expired', 'Start it again with `atoll login`.');
}
