import type { BuildEvent, BuildFailure } from '@atoll/protocol';
import type { BuildReport } from './build-report.ts';
import type { BuildRequest } from './build-request.ts';
import type { BuildEnd, BuildRecord, DebugState } from './build-store.ts';
import type { EventWriter, NewBuildEvent } from './event-writer.ts';
import { failureOf } from './failure.ts';
import type { Naming } from './finish-image.ts';
import type { SshLending } from './ssh-lending.ts';
import type { Workplace } from './workplace.ts';

/** A build that has not ended. */
export interface LiveBuild {
  record: BuildRecord;
  request: BuildRequest;
  naming: Naming;
  writer: EventWriter;
  report: BuildReport;
  lending: SshLending;
  /** Ends the build; the reason tells how. */
  stop: AbortController;
  workplace?: Workplace;
  /** The upload of the context, then the build itself. */
  work?: Promise<void>;
  abandoned?: NodeJS.Timeout;
}

/** Why a build was ended from outside. */
export class Cancelled extends Error {}
export class OutOfTime extends Error {
  override readonly name = 'OutOfTime';
}

/** What a build that threw has come to. */
export function endOf(build: LiveBuild, error: unknown, debug: DebugState | undefined): BuildEnd {
  const { signal } = build.stop;
  if (signal.aborted && signal.reason instanceof Cancelled) return { status: 'cancelled' };
  const failure = failureOf(
    signal.aborted ? signal.reason : error,
    build.report.failedStep(),
    debug !== undefined,
  );
  return { status: 'failed', failure: withDebugHint(failure, build.record.id), ...(debug && { debug }) };
}

function withDebugHint(failure: BuildFailure, buildId: string): BuildFailure {
  if (!failure.canDebug) return failure;
  const open = `Open a shell in the state before the step: \`atoll image debug ${buildId}\`.`;
  return { ...failure, hint: failure.hint === undefined ? open : `${failure.hint} ${open}` };
}

/** The end of a build that nobody works on any more, as its record has it; undefined while it has none. */
export function recordedEnd(record: BuildRecord): BuildEvent | undefined {
  const { status, createdAt, endedAt } = record;
  if (endedAt === undefined || status === 'waiting' || status === 'queued' || status === 'running')
    return undefined;
  const event = lastEvent({ ...record, status }, endedAt - createdAt);
  return { ...event, id: 0, at: endedAt } as BuildEvent; // all its fields but the two that are added here
}

/** The event that ends the log. */
export function lastEvent({ status, result, failure }: BuildEnd, durationMs: number): NewBuildEvent {
  if (status === 'succeeded' && result) return { type: status, durationMs, result };
  if (status === 'failed' && failure) return { type: status, durationMs, failure };
  return { type: 'cancelled', durationMs, reason: 'the build was cancelled' };
}
