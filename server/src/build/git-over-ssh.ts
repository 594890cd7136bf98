import { join } from 'node:path';
import { AGENT_PATH } from '../runtime/oci-spec.ts';
import { writeMountFile } from './builder.ts';
import type { FetcherTask } from './fetcher.ts';
import type { SshLending } from './ssh-lending.ts';
import type { AgentSocket } from './ssh-mount.ts';
import { StepFailure } from './step-failure.ts';
import type { Workplace } from './workplace.ts';

export interface SshOptions {
  lending: SshLending;
  /** As a `known_hosts` file has them. */
  sshKnownHosts?: string;
  workplace: Workplace;
}

/** As docker has it: no instruction names another one. */
const AGENT = 'default';
const SOCKET = '/run/atoll/ssh-agent';
const KNOWN_HOSTS = '/run/atoll/known_hosts';

/** What git is given to fetch a repository over SSH: the lent agent, and the hosts that may answer. */
export async function gitOverSsh(
  { lending, sshKnownHosts, workplace }: SshOptions,
  title: string,
): Promise<Pick<FetcherTask, 'env' | 'mounts'> & { sockets: AgentSocket[] }> {
  if (!lending.has(AGENT)) {
    throw new StepFailure(`${title}: this build was given no SSH agent ${AGENT}`, {
      hint: 'Lend one with --ssh default, or name the repository by its https:// address, with --secret id=GIT_AUTH_TOKEN,src=FILE for a private one.',
    });
  }
  if (sshKnownHosts === undefined) {
    throw new StepFailure(`${title}: nothing tells this build which hosts it may trust`, {
      hint: "Send the host's key with --ssh-known-hosts FILE; `ssh-keyscan HOST` prints it, to be compared with what the host publishes.",
    });
  }
  const source = join(workplace.secretDir, crypto.randomUUID());
  await writeMountFile(source, sshKnownHosts, { mode: 0o444, uid: 0, gid: 0 });
  const agent = lending.open(AGENT);
  return {
    env: {
      SSH_AUTH_SOCK: SOCKET,
      GIT_SSH_COMMAND: `${AGENT_PATH} ssh`,
      ATOLL_KNOWN_HOSTS: KNOWN_HOSTS,
    },
    mounts: [{ kind: 'bind', destination: KNOWN_HOSTS, source, isReadonly: true }],
    sockets: [{ path: SOCKET, uid: 0, gid: 0, mode: 0o600, serve: agent.serve, agent }],
  };
}
