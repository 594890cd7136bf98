import * as routes from '@atoll/protocol';
import { ApiError, buildLogLines } from '@atoll/protocol';
import type { BlaxelLogLine, BuildEvent } from '@atoll/protocol';
import { parseDockerConfig } from '../../build/context-settings.ts';
import type { DeploymentSource, Deployments } from '../../sandbox/deployments.ts';
import { bind } from '../bind.ts';
import type { Binding } from '../bind.ts';
import type { RequestContext } from '../request-context.ts';
import { bindBlaxel } from './blaxel-version.ts';
import { shownImage } from './sandbox-request.ts';

/** The header that says where to send the files of a build. */
export const uploadUrl = (baseUrl: string, token: string): [string, string] => [
  'x-blaxel-upload-url',
  `${baseUrl}/v0/uploads/${token}`,
];

export interface BlaxelUploadRoutesOptions {
  deployments: Deployments;
  /** Throws `image_not_found` where nothing was built under a name. */
  findImage: (name: string, context: RequestContext) => void;
}

/** Builds of images, what is uploaded for them, and what they tell (wire 1.7). */
export function blaxelUploadRoutes({ deployments, findImage }: BlaxelUploadRoutesOptions): Binding[] {
  const linesOf = async (
    workspaceId: string,
    name: string,
    signal: AbortSignal,
  ): Promise<BlaxelLogLine[] | undefined> => {
    try {
      const lines: BlaxelLogLine[] = [];
      for await (const event of deployments.events(workspaceId, name, signal))
        lines.push(...toLogLines(event));
      return lines;
    } catch (error) {
      if (error instanceof ApiError && error.code === 'not_found') return undefined;
      throw error;
    }
  };

  return [
    bindBlaxel(routes.createBlaxelImage, ({ query, body }, context) => {
      const { name } = body;
      const answer = { name, resourceType: 'sandbox' };
      const image = shownImage(`${name}:latest`);
      if (query['skip-build'] === 'true') {
        findImage(name, context);
        return { message: 'The image was built before', ...answer, image, build: false };
      }
      const source = sourceOf(query.upload === 'true', body);
      const { workspace, member, keyId } = context.caller;
      const { token } = deployments.begin(workspace.id, { name, source, by: member.name, keyId });
      context.target(name);
      if (token !== undefined) context.answerHeader(...uploadUrl(context.baseUrl, token));
      if (source.kind === 'upload') return { message: 'Upload the files of the image as ZIP', ...answer };
      return { message: 'The image is being built', ...answer, image, build: true };
    }),
    bind(routes.uploadBlaxelSource, async ({ params }, { body, signal, target }) => {
      const { name } = await deployments.upload(params.token, body, signal);
      target(name);
      return { message: 'Upload completed' };
    }),
    bindBlaxel(routes.getBlaxelBuildLogs, ({ params }, { caller, signal, contentType }) => {
      const events = deployments.events(caller.workspace.id, params.name, signal);
      contentType('text/plain; charset=utf-8');
      return toText(events);
    }),
    bindBlaxel(routes.listBlaxelLogs, async ({ query }, { caller, signal }) => {
      const names = new Set(query.workloadIds.split(',').filter((name) => name !== ''));
      const answer: Record<string, { logs: BlaxelLogLine[]; totalCount: number }> = {};
      for (const name of names) {
        const lines = (await linesOf(caller.workspace.id, name, signal)) ?? [];
        const found = lines.filter((line) => isWanted(line, query));
        answer[name] = {
          logs: found.slice(query.offset, query.offset + query.limit),
          totalCount: found.length,
        };
      }
      return answer;
    }),
  ];
}

function sourceOf(
  isUpload: boolean,
  { image, dockerConfig }: { image?: string | null | undefined; dockerConfig?: string | null | undefined },
): DeploymentSource {
  if (isUpload) return { kind: 'upload' };
  if (image == null)
    throw new ApiError('invalid_request', 'body.image is missing: name an image, or ask with ?upload=true');
  return {
    kind: 'registry',
    image,
    ...(dockerConfig != null && { dockerConfig: parseDockerConfig(dockerConfig) }),
  };
}

/** What a log asks for. Times without a zone are UTC. */
interface LogQuery {
  start?: string | undefined;
  end?: string | undefined;
  severity?: string | undefined;
  search?: string | undefined;
}

function isWanted({ timestamp, message, severity }: BlaxelLogLine, query: LogQuery): boolean {
  const at = Date.parse(timestamp);
  if (query.start !== undefined && at < timeOf('start', query.start)) return false;
  // To the second, which is not over yet.
  if (query.end !== undefined && at >= timeOf('end', query.end) + 1000) return false;
  const severities = query.severity?.toUpperCase().split(',') ?? ['ALL'];
  if (!severities.includes('ALL') && !severities.includes(severity)) return false;
  return query.search === undefined || message.toLowerCase().includes(query.search.toLowerCase());
}

function timeOf(field: string, value: string): number {
  const at = Date.parse(/Z$|[+-]\d\d:?\d\d$/.test(value) ? value : `${value}Z`);
  if (Number.isNaN(at)) throw new ApiError('invalid_request', `query.${field} is no time`);
  return at;
}

function toLogLines(event: BuildEvent): BlaxelLogLine[] {
  const timestamp = new Date(event.at).toISOString();
  const severity = event.type === 'failed' ? 'ERROR' : event.type === 'warning' ? 'WARNING' : 'INFO';
  return textsOf(event).map((message) => ({ timestamp, message, severity, trace_id: '' }));
}

/** The log of a build does not say how it ended, which clients of this dialect see nowhere else. */
function textsOf(event: BuildEvent): string[] {
  if (event.type === 'failed') {
    const { step, message, hint } = event.failure;
    return [`${step === undefined ? '' : `${step}: `}${message}`, ...(hint === undefined ? [] : [hint])];
  }
  if (event.type === 'cancelled') return [`cancelled: ${event.reason}`];
  if (event.type === 'succeeded') return [`built ${event.result.name ?? event.result.imageId}`];
  return buildLogLines(event);
}

async function* toText(events: AsyncIterable<BuildEvent>): AsyncGenerator<string> {
  for await (const event of events) for (const line of textsOf(event)) yield `${line}\n`;
}
