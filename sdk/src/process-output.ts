import { dataPlane } from '@atoll/protocol';
import type { WaitOptions } from './call-options.ts';
import { pidParams } from './process-info.ts';
import type { OutputEvent, OutputResponse } from './process-info.ts';
import { readFollow } from './process-stream.ts';
import type { Transport } from './transport.ts';

/** A process and which of what it prints. */
export interface OutputOf {
  process: number | string;
  source: 'stdout' | 'stderr' | 'output';
}

const toParams = ({ process, source }: OutputOf) => ({ params: { ...pidParams(process).params, source } });

/** The captured lines so far. */
export async function readOutput(
  agent: Transport,
  output: OutputOf,
  { signal }: WaitOptions,
): Promise<OutputResponse> {
  const wire = await agent.call(dataPlane.getOutput, toParams(output), { signal });
  return { pid: wire.pid, lines: wire.lines, lineCount: wire.line_count };
}

/** Line by line, captured lines first, until the process has ended. */
export async function* followOutput(
  agent: () => Promise<Transport>,
  output: OutputOf,
  options: WaitOptions,
): AsyncGenerator<OutputEvent> {
  const response = await (await agent()).stream(dataPlane.followOutput, toParams(output), options);
  yield* readFollow(response, options.signal);
}
