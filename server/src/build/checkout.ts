import { posix } from 'node:path';
import type { Workshop } from '../image/workshop.ts';
import type { BaseImage } from './base-image.ts';
import type { GitSource } from './dockerfile/step.ts';
import { runFetcher } from './fetcher.ts';
import type { Fetched, FetcherOptions } from './fetcher.ts';
import { gitCredentials } from './git-credentials.ts';
import { gitOverSsh } from './git-over-ssh.ts';
import type { SshOptions } from './git-over-ssh.ts';
import { requireAnswers } from './ssh-mount.ts';
import { StepFailure } from './step-failure.ts';

interface Options extends FetcherOptions, SshOptions {
  workshop: Workshop;
  secrets: ReadonlyMap<string, Buffer>;
  /** Finds an image that holds git. */
  image: (reference: string) => Promise<BaseImage>;
}

/** Files of a repository: the tree that they lie in, and where. */
export interface Checkout {
  root: string;
  path: string;
}

export type Checkouts = ReturnType<typeof createCheckouts>;

/** Any base image does: all hold git. */
const GIT_IMAGE = 'tensorlake/debian-minimal';
const OVER_THE_WEB = /^(?:https?|git):\/\//i;
const TREE = '/checkout';
const WHOLE_COMMIT = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;

/** Fetches repositories, each once in a build. */
export function createCheckouts(options: Options) {
  const commits = new Map<string, Promise<string>>();
  const trees = new Map<string, Promise<Checkout>>();
  const commitOf = (source: GitSource): Promise<string> => {
    const key = JSON.stringify(source);
    const known = commits.get(key) ?? resolve(options, source);
    commits.set(key, known);
    return known;
  };
  return {
    /** The commit that a source is at the moment. */
    commitOf,
    fetch: (source: GitSource): Promise<Checkout> => {
      const key = JSON.stringify(source);
      const known = trees.get(key) ?? commitOf(source).then((commit) => fetch(options, source, commit));
      trees.set(key, known);
      return known;
    },
  };
}

async function resolve(options: Options, source: GitSource): Promise<string> {
  const { ref, commit: checksum } = source;
  // What is named by its commit need not be asked for; that it is there shows when it is fetched.
  if (ref !== undefined && WHOLE_COMMIT.test(ref) && ref.startsWith(checksum ?? '')) return ref;
  const { answer } = await run(options, source, { checksum });
  return verified(source, answer);
}

async function fetch(options: Options, source: GitSource, commit: string): Promise<Checkout> {
  const { keepsGitDirectory, takesSubmodules, subdirectory } = source;
  const { root, answer } = await run(options, source, {
    commit,
    into: TREE,
    keepsGitDirectory,
    takesSubmodules,
    subdirectory,
  });
  verified(source, answer);
  return { root, path: posix.join(TREE, posix.resolve('/', subdirectory ?? '')) };
}

async function run(options: Options, { remote, ref }: GitSource, more: object): Promise<Fetched> {
  const title = `ADD ${withoutPassword(remote)}`;
  const ssh = OVER_THE_WEB.test(remote) ? undefined : await gitOverSsh(options, title);
  const { files } = await options.image(GIT_IMAGE);
  const fetching = runFetcher(options, {
    title,
    lowers: await options.workshop.trees(files.layers, options.signal),
    args: ['checkout', JSON.stringify({ remote, ref, ...more })],
    workingDir: '/',
    ...(ssh ?? { env: gitCredentials(remote, options.secrets) }),
  });
  // Why an agent did not answer says more than what git makes of it.
  return fetching.finally(() => requireAnswers(title, ssh?.sockets ?? []));
}

/** The sandbox has the last word on what it says. */
function verified({ remote }: GitSource, answer: string): string {
  if (WHOLE_COMMIT.test(answer)) return answer;
  throw new StepFailure(`ADD ${withoutPassword(remote)}: the repository could not be read`);
}

/** Logs and errors do not repeat what an address says of its user. */
const withoutPassword = (remote: string): string => remote.replace(/^(https?:\/\/)[^/]*@/i, '$1');
