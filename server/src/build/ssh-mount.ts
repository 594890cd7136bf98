import type { SshMount } from './dockerfile/mount.ts';
import type { LentAgent } from './ssh-lending.ts';
import type { StepContext } from './step-context.ts';
import { StepFailure } from './step-failure.ts';
import type { StepSocket } from './step-socket.ts';

/** A socket of a step, and the agent of the client's that is behind it. */
export interface AgentSocket extends StepSocket {
  agent: LentAgent;
}

/** The socket of an SSH mount; absent where nothing is lent and the step goes without. */
export function agentSocket({ lending }: StepContext, mount: SshMount): AgentSocket | undefined {
  const { id, target: path, uid, gid, mode, isRequired } = mount;
  if (lending.has(id)) {
    const agent = lending.open(id);
    return { path, uid, gid, mode, serve: agent.serve, agent };
  }
  if (!isRequired) return undefined;
  throw new StepFailure(`RUN --mount=type=ssh: this build was given no SSH agent ${id}`, {
    hint: `Lend one with --ssh ${id}, or give the step a key or a token with --mount=type=secret.`,
  });
}

/**
 * Throws where an agent was asked in vain, also if the command did not mind: what it wrote without the answer is not to be
 * kept as what the step makes.
 */
export function requireAnswers(what: string, sockets: readonly Pick<AgentSocket, 'agent'>[]): void {
  for (const { agent } of sockets) {
    const trouble = agent.trouble();
    if (trouble !== undefined) {
      throw new StepFailure(`${what}: ${trouble}`, {
        hint: 'Keep the client that began the build running, and its SSH agent with it.',
      });
    }
  }
}
