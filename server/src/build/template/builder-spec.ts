import { ApiError, dockerConfigJson } from '@atoll/protocol';
import { z } from 'zod';
import type { DockerConfig } from '../../image/remote/registry-credentials.ts';

/** What the client wrote for the builder: what the server had answered, and fields of its own (wire 3.1, step 9). */
const specSchema = z.object({
  buildId: z.string().max(80),
  atoll: z.object({ token: z.string().max(200) }),
  contextDir: z.string().nullish(),
  rootfsDiskBytes: z.number().positive().nullish(),
  /** A docker configuration as JSON in a string. */
  dockerConfigJson: z.string().max(512_000).nullish(),
  /** The image is taken as it is. */
  importImageReference: z.string().max(1024).nullish(),
});

export interface BuilderSpec {
  buildId: string;
  token: string;
  hasContext: boolean;
  diskMb?: number;
  dockerConfig?: DockerConfig;
  importReference?: string;
}

const MB = 1024 * 1024;

/** Reads the specification of a builder. Throws `invalid_request`; no value of it is quoted, it holds secrets. */
export function readBuilderSpec(given: unknown): BuilderSpec {
  const { success, data, error } = specSchema.safeParse(given);
  if (!success) {
    const fields = error.issues.map(({ path }) => path.join('.')).slice(0, 5);
    throw new ApiError('invalid_request', `the specification of the build is wrong in ${fields.join(', ')}`);
  }
  const dockerConfig = parseDockerConfig(data.dockerConfigJson ?? undefined);
  return {
    buildId: data.buildId,
    token: data.atoll.token,
    hasContext: Boolean(data.contextDir) && !data.importImageReference,
    ...(data.rootfsDiskBytes != null && { diskMb: Math.ceil(data.rootfsDiskBytes / MB) }),
    ...(dockerConfig && { dockerConfig }),
    ...(data.importImageReference != null && { importReference: data.importImageReference }),
  };
}

function parseDockerConfig(text: string | undefined): DockerConfig | undefined {
  if (text === undefined || text === '') return undefined;
  try {
    return dockerConfigJson.parse(JSON.parse(text));
  } catch {
    throw new ApiError('invalid_request', 'the docker configuration in the specification is not understood');
  }
}
