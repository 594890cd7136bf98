import { parseName } from '../image/image-names.ts';
import type { BuildRequest } from './build-request.ts';
import type { BuildInput } from './execute.ts';
import type { Naming } from './finish-image.ts';
import type { LiveBuild } from './live-build.ts';

/** What the image is to be called. */
export function namingOf(workspaceId: string, { name, isPublic, noReplace }: BuildRequest): Naming {
  if (name === undefined) return { workspaceId, noReplace };
  return { workspaceId, name: { ...parseName(workspaceId, name), shown: name }, isPublic, noReplace };
}

/** What a build is carried out with. */
export function inputOf({ record, request, naming, lending }: LiveBuild, dockerfile: string): BuildInput {
  return {
    buildId: record.id,
    workspaceId: record.workspaceId,
    dockerfile,
    dockerfileName: request.dockerfilePath ?? 'Dockerfile',
    ...(request.target !== undefined && { target: request.target }),
    buildArgs: request.buildArgs,
    labels: request.labels,
    ...(request.platform !== undefined && { platform: request.platform }),
    secrets: request.secrets,
    lending,
    ...(request.sshKnownHosts !== undefined && { sshKnownHosts: request.sshKnownHosts }),
    ...(request.dockerConfig && { dockerConfig: request.dockerConfig }),
    noCache: request.noCache,
    ...(request.needsSandboxApi && { needsSandboxApi: true }),
    cpus: record.cpus,
    memoryMb: record.memoryMb,
    naming,
  };
}
