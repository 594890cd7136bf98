import { ApiError } from '@atoll/protocol';
import type { BuildFailure } from '@atoll/protocol';
import type { FailedStep } from './build-report.ts';
import { StepFailure } from './step-failure.ts';

/** Why a build failed, as clients see it; what is nobody's fault but the server's stays in its log. */
export function failureOf(error: unknown, step: FailedStep | undefined, canDebug: boolean): BuildFailure {
  const at = {
    ...(step && { step: step.title }),
    ...(step && step.outputTail !== '' && { outputTail: step.outputTail }),
    canDebug,
  };
  if (error instanceof StepFailure) {
    const { message, exitCode, shortOf, hint } = error;
    return {
      code: 'build_failed',
      message,
      ...(exitCode !== undefined && { exitCode }),
      ...(shortOf !== undefined && { shortOf }),
      ...(hint !== undefined && { hint }),
      ...at,
    };
  }
  if (error instanceof ApiError) {
    const { code, message, hint } = error;
    return { code, message, ...(hint !== undefined && { hint }), ...at };
  }
  if (error instanceof Error && error.name === 'OutOfTime') {
    return { code: 'build_timeout', message: error.message, ...at };
  }
  if (error instanceof Error && 'code' in error && error.code === 'ENOSPC') {
    return {
      code: 'host_out_of_disk',
      message: 'the disk of the server is full',
      hint: 'Try again when the operator has made room; `atoll image prune` may make some.',
      ...at,
    };
  }
  return { code: 'internal', message: 'the build failed for a reason of the server', ...at };
}
