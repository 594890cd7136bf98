import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { ImageStore } from '../image/image-store.ts';
import type { DockerConfig } from '../image/remote/registry-credentials.ts';
import { isSandboxApiImage, makeSandboxApiImage } from '../image/sandbox-api-image.ts';
import type { ImageConfig } from './dockerfile/image-config.ts';
import { configFromOci } from './dockerfile/image-config.ts';
import type { StageFiles } from './stage-files.ts';

/** An image that a stage starts from, or that files are taken from. */
export interface BaseImage {
  reference: string;
  manifestDigest: string;
  files: StageFiles;
  config: ImageConfig;
  /** Whether the image says where its processes start; `/` may be only what is assumed. */
  hasWorkdir: boolean;
  history: readonly object[];
  created: string | undefined;
}

export interface BaseImageOptions {
  images: ImageStore;
  workspaceId: string;
  /** Whose reference keeps the image until the build has ended. */
  buildId: string;
  dockerConfig?: DockerConfig;
  signal: AbortSignal;
  onMessage: (message: string) => void;
}

const configSchema = z.object({
  created: z.string().optional(),
  config: z.looseObject({ WorkingDir: z.string().nullish() }).nullish(),
  history: z.array(z.looseObject({})).nullish(),
});

export const buildHolder = (buildId: string) => ({ kind: 'build', id: buildId });

/** Finds an image: what the workspace can name, else what a registry has under the reference. */
export async function findBaseImage(options: BaseImageOptions, reference: string): Promise<BaseImage> {
  await buildOnDemand(options, reference);
  const known = (await provideSandboxApi(options, reference)) ?? findKnown(options, reference);
  const manifestDigest = known ?? (await pull(options, reference));
  return describe(options, reference, manifestDigest);
}

/** The program of that image has to be the one of this server's agent. */
async function provideSandboxApi(
  { images, buildId, signal, onMessage }: BaseImageOptions,
  reference: string,
): Promise<string | undefined> {
  if (!isSandboxApiImage(reference)) return undefined;
  onMessage(`${reference} is this server's own image of the sandbox API`);
  const manifestDigest = await makeSandboxApiImage(images.workshop, buildId, signal);
  images.addReference(manifestDigest, buildHolder(buildId));
  return manifestDigest;
}

/** A base that is itself built when it is first asked for (`image/recipe-images.ts`). */
async function buildOnDemand(
  { images, workspaceId, signal, onMessage }: BaseImageOptions,
  reference: string,
): Promise<void> {
  const unbuilt = images.findUnbuilt(workspaceId, reference);
  if (unbuilt === undefined) return;
  onMessage(`building ${unbuilt} first, because nobody has used it on this server before`);
  await images.provide(unbuilt, signal);
}

function findKnown(
  { images, workspaceId, buildId, onMessage }: BaseImageOptions,
  reference: string,
): string | undefined {
  const base = images.findBase(workspaceId, reference);
  if (base === undefined) return undefined;
  images.addReference(base.manifestDigest, buildHolder(buildId));
  if (base.publicOf !== undefined)
    onMessage(`${reference} is a public image of another workspace (${base.publicOf})`);
  return base.manifestDigest;
}

async function pull(options: BaseImageOptions, reference: string): Promise<string> {
  const { images, workspaceId, buildId, dockerConfig, signal, onMessage } = options;
  const hooks = {
    signal,
    ...(dockerConfig && { dockerConfig }),
    onProgress: (event: { status: string; sizeBytes?: number }) => {
      if (event.status === 'resolved')
        onMessage(`pulling ${reference}: ${((event.sizeBytes ?? 0) / 1e6).toFixed(1)} MB`);
    },
  };
  return images.remote.pullImage(workspaceId, reference, hooks, (manifestDigest) => {
    images.addReference(manifestDigest, buildHolder(buildId));
    return manifestDigest;
  });
}

function describe({ images }: BaseImageOptions, reference: string, manifestDigest: string): BaseImage {
  const { configJson, layers } = images.workshop.partsOf(manifestDigest);
  const parsed = configSchema.parse(JSON.parse(configJson));
  const diffIds = layers.map(({ diffId }) => diffId).join('\n');
  return {
    reference,
    manifestDigest,
    files: {
      key: `image:${createHash('sha256').update(diffIds).digest('hex')}`,
      layers: layers.map(({ diffId, ...blob }) => ({ diffId, blob })),
    },
    config: configFromOci(parsed.config),
    hasWorkdir: (parsed.config?.WorkingDir ?? '') !== '',
    history: parsed.history ?? [],
    created: parsed.created,
  };
}
