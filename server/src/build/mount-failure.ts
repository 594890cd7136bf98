import { LayerToolError } from '../image/layer-tool.ts';
import { StepFailure } from './step-failure.ts';

/** What the layer tool says of a mount is for who wrote it. */
export function failMount(error: unknown): never {
  if (!(error instanceof LayerToolError)) throw error;
  throw new StepFailure(`RUN --mount: ${error.message}`, { cause: error });
}
