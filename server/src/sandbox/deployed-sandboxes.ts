import { ApiError } from '@atoll/protocol';
import type { Deployment } from '../store/deployment-store.ts';
import type { SandboxRecord } from '../store/sandbox-store.ts';
import type { Declared, DeclaredRequest, DeclaredSandboxes, Replacement } from './declared-sandboxes.ts';
import type { Begun, DeploymentRequest, Deployments } from './deployments.ts';
import { isEnded } from './lifecycle.ts';
import { noRules } from './network-rules.ts';

/** A declared sandbox, with what is on its way to take its place or has failed to; then that is what counts. */
export interface Deployed extends Declared {
  deployment?: Deployment;
}

export interface DeployedSandboxesOptions {
  declared: DeclaredSandboxes;
  deployments: Deployments;
}

export type DeployedSandboxes = ReturnType<typeof createDeployedSandboxes>;

/**
 * Sandboxes that are declared, those among them whose image is still being built: they have a name and a declaration, and
 * no sandbox yet. Who declares a name while it is deployed is refused; what has failed gives its name away.
 */
export function createDeployedSandboxes({ declared, deployments }: DeployedSandboxesOptions) {
  /** What of a deployment is to be shown: its end too, until somebody has been told that it was built. */
  const shownOf = (one: Deployment | undefined): Deployment | undefined => {
    if (one === undefined || one.status === 'removed') return undefined;
    return one.status === 'deployed' && one.isSeen ? undefined : one;
  };
  const deploymentOf = (workspaceId: string, name: string): Deployment | undefined =>
    shownOf(deployments.find(workspaceId, 'sandbox', name));

  const join = (found: Declared | undefined, deployment: Deployment | undefined): Deployed | undefined => {
    if (deployment === undefined) return found;
    const isThere = found !== undefined && !isEnded(found.record.state);
    // The end of a deployment is a sandbox; where that is gone again, nothing is on its way.
    if (deployment.status === 'deployed') return isThere ? { ...found, deployment } : found;
    if (isThere) return { ...found, deployment };
    return { record: recordOf(deployment), declaration: declarationOf(deployment), deployment };
  };

  const find = (workspaceId: string, name: string): Deployed | undefined =>
    join(declared.find(workspaceId, name), deploymentOf(workspaceId, name));

  const requireSettled = (workspaceId: string, name: string): void => {
    if (!deployments.isUnderWay(deployments.find(workspaceId, 'sandbox', name))) return;
    throw new ApiError('name_taken', `a sandbox ${name} is being deployed already`, {
      hint: 'Wait for it, delete it, or deploy it again with PUT and upload=true.',
    });
  };

  /** What failed before gives its name to what is declared now. */
  const settle = (workspaceId: string, name: string): void => {
    requireSettled(workspaceId, name);
    deployments.remove(workspaceId, 'sandbox', name);
  };

  return {
    find,
    environmentOf: declared.environmentOf,
    get: (workspaceId: string, name: string): Deployed => {
      const found = find(workspaceId, name);
      if (found) return found;
      throw notFound(name);
    },
    /** The sandbox itself, once there is one and as long as it lives. */
    living: (workspaceId: string, name: string): SandboxRecord => {
      const found = declared.findLiving(workspaceId, name);
      if (found) return found.record;
      requireSettled(workspaceId, name);
      throw notFound(name);
    },
    /** Newest first, those that are being deployed before the others. */
    list: (workspaceId: string): Deployed[] => {
      const onTheWay = new Map(
        deployments
          .ofWorkspace(workspaceId, 'sandbox')
          .flatMap((one) => shownOf(one) ?? [])
          .map((one) => [one.name, one]),
      );
      const all = declared.list(workspaceId).map((one): Deployed => {
        const { name, state } = one.record;
        const deployment = name === undefined || isEnded(state) ? undefined : onTheWay.get(name);
        if (deployment === undefined) return one;
        onTheWay.delete(deployment.name);
        return { ...one, deployment };
      });
      const alone = [...onTheWay.values()].flatMap((one) => join(undefined, one) ?? []);
      return [...alone, ...all];
    },
    create: (workspaceId: string, asked: DeclaredRequest, timeoutMs: number): Promise<Deployed> => {
      settle(workspaceId, asked.name);
      return declared.create(workspaceId, asked, timeoutMs);
    },
    createIfMissing: async (
      workspaceId: string,
      asked: DeclaredRequest,
      timeoutMs: number,
    ): Promise<Deployed> => {
      const onTheWay = find(workspaceId, asked.name);
      if (onTheWay && deployments.isUnderWay(onTheWay.deployment)) return onTheWay;
      settle(workspaceId, asked.name);
      return declared.createIfMissing(workspaceId, asked, timeoutMs);
    },
    /** Without a sandbox there is nothing to keep: it begins. */
    replace: (
      workspaceId: string,
      name: string,
      decide: (current: Declared) => Replacement,
      timeoutMs: number,
    ): Promise<Deployed> => {
      const before = find(workspaceId, name);
      settle(workspaceId, name);
      if (before?.deployment === undefined || declared.find(workspaceId, name))
        return declared.replace(workspaceId, name, decide, timeoutMs);
      return declared.create(workspaceId, decide(before).asked, timeoutMs);
    },
    /** Begins to build and deploy. Throws `name_taken`, unless it may take the place of what has the name. */
    deploy: (
      workspaceId: string,
      asked: DeploymentRequest,
      { replaces }: { replaces: boolean },
    ): Begun & Deployed => {
      if (!replaces) {
        requireSettled(workspaceId, asked.name);
        if (declared.findLiving(workspaceId, asked.name))
          throw new ApiError('name_taken', `a sandbox is called ${asked.name} already`);
      }
      const begun = deployments.begin(workspaceId, asked);
      const one = join(declared.find(workspaceId, asked.name), begun.deployment);
      if (one === undefined) throw new Error('a deployment that begins is always shown');
      return { ...one, ...begun };
    },
    /** Notes that a client has been told that it is built. */
    tell: ({ deployment }: Deployed): void => {
      if (deployment !== undefined && deployment.status !== 'uploading') deployments.tell(deployment);
    },
    /** Not while something is on its way to take its place. */
    setArchived: (workspaceId: string, name: string, isArchived: boolean): Promise<Deployed> => {
      requireSettled(workspaceId, name);
      return declared.setArchived(workspaceId, name, isArchived);
    },
    /** Ends the sandbox and what was on its way to take its place. */
    remove: async (workspaceId: string, name: string): Promise<Deployed> => {
      const before = find(workspaceId, name);
      deployments.remove(workspaceId, 'sandbox', name);
      if (before && declared.find(workspaceId, name) === undefined) {
        const { deployment: _, ...rest } = before;
        return { ...rest, record: { ...before.record, state: 'terminated' } };
      }
      return declared.remove(workspaceId, name);
    },
  };
}

const notFound = (name: string): ApiError =>
  new ApiError('sandbox_not_found', `no sandbox ${JSON.stringify(name.slice(0, 80))}`);

const declarationOf = ({ declaration }: Deployment) => {
  if (declaration === undefined) throw new Error('the deployment of a sandbox has a declaration');
  return declaration;
};

/** What has no sandbox yet, as the record of one that has not begun. It is written nowhere. */
const recordOf = (one: Deployment): SandboxRecord => ({
  id: one.id,
  workspaceId: one.workspaceId,
  name: one.name,
  state: one.status === 'failed' ? 'failed' : 'pending',
  incarnation: 0,
  runtime: '',
  image: one.name,
  manifestDigest: '',
  agentDigest: '',
  limits: { cpus: 0, memoryMb: 0, diskMb: 0 },
  network: noRules,
  networkGeneration: 0,
  exposedPorts: [],
  allowUnauthenticated: false,
  createdAt: one.createdAt,
  ...(one.error !== undefined && { error: one.error }),
});
