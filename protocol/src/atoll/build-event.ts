/** What a build tells while it goes on. Each event has the number that a reader can go on after. */
import { z } from 'zod';

const head = {
  /** Counts from 1. */
  id: z.number(),
  /** When, in ms since 1970. */
  at: z.number(),
};

/** The image that a build made. */
export const buildResult = z.object({
  imageId: z.string(),
  /** The name that it is registered under, if any. */
  name: z.string().optional(),
  digest: z.string(),
  sizeBytes: z.number(),
  layerCount: z.number(),
});
export type BuildResult = z.output<typeof buildResult>;

/** Why a build failed, and at which step. */
export const buildFailure = z.object({
  code: z.string(),
  message: z.string(),
  hint: z.string().optional(),
  /** The step's number in brackets and its instruction: `[2/5] RUN make`. */
  step: z.string().optional(),
  exitCode: z.number().optional(),
  /** What ran out, where that was the reason. */
  shortOf: z.enum(['memory', 'disk']).optional(),
  /** The last lines that the step wrote. */
  outputTail: z.string().optional(),
  /** Whether `debugBuild` can open the state before the step. */
  canDebug: z.boolean(),
});
export type BuildFailure = z.output<typeof buildFailure>;

const step = {
  ...head,
  /** Tells the steps of a build apart: stages are built at the same time. */
  step: z.number(),
};

export const buildEvent = z.discriminatedUnion('type', [
  z.object({ type: z.literal('status'), ...head, status: z.enum(['queued', 'running']) }),
  /** Something to know that belongs to no step: what is pulled, exported. */
  z.object({ type: z.literal('message'), ...head, message: z.string() }),
  z.object({
    type: z.literal('warning'),
    ...head,
    rule: z.string(),
    message: z.string(),
    file: z.string(),
    line: z.number(),
    column: z.number(),
    quote: z.string(),
  }),
  z.object({
    type: z.literal('step_started'),
    ...step,
    /** `[2/5] RUN make`, `[build 1/3] FROM debian:13`. */
    title: z.string(),
    stage: z.string(),
    /** From 1, within the stage. */
    number: z.number(),
    total: z.number(),
    instruction: z.string(),
  }),
  z.object({
    type: z.literal('step_output'),
    ...step,
    stream: z.enum(['stdout', 'stderr']),
    text: z.string(),
  }),
  z.object({
    type: z.literal('step_ended'),
    ...step,
    outcome: z.enum(['done', 'cached', 'failed', 'cancelled']),
    durationMs: z.number(),
    /** Of the layer that the step made, compressed. */
    layerBytes: z.number().optional(),
  }),
  z.object({ type: z.literal('succeeded'), ...head, durationMs: z.number(), result: buildResult }),
  z.object({ type: z.literal('failed'), ...head, durationMs: z.number(), failure: buildFailure }),
  z.object({ type: z.literal('cancelled'), ...head, durationMs: z.number(), reason: z.string() }),
]);
export type BuildEvent = z.output<typeof buildEvent>;

/** The types in the order in which they first come; the last three end the stream. */
export const buildEventTypes = buildEvent.options.map(({ shape }) => shape.type.value);
