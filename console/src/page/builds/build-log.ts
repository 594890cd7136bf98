import type { BuildEvent } from '@atoll/sdk';

/** How a step stands. */
export type StepState = 'running' | 'done' | 'cached' | 'failed' | 'cancelled';

/** One step as it has been told so far. */
export interface Step {
  step: number;
  title: string;
  state: StepState;
  startedAt: number;
  durationMs?: number | undefined;
  layerBytes?: number | undefined;
  /** What it wrote, at most the newest `MAX_OUTPUT_CHARS`. */
  output: string;
}

/** What a build has told so far. */
export interface BuildLog {
  /** In the order in which they began. */
  steps: readonly Step[];
  messages: readonly string[];
  warnings: readonly { rule: string; message: string; file: string; line: number }[];
}

export const emptyLog: BuildLog = { steps: [], messages: [], warnings: [] };

/** A step that writes without an end must not fill the memory of who watches. */
export const MAX_OUTPUT_CHARS = 200_000;

/** The log after some more events. */
export function addEvents(log: BuildLog, events: readonly BuildEvent[]): BuildLog {
  const steps = new Map(log.steps.map((step) => [step.step, step]));
  const messages = [...log.messages];
  const warnings = [...log.warnings];
  for (const event of events) {
    if (event.type === 'message') messages.push(event.message);
    else if (event.type === 'warning') warnings.push(event);
    else if ('step' in event) steps.set(event.step, toStep(steps.get(event.step), event));
  }
  return { steps: [...steps.values()], messages, warnings };
}

type StepEvent = Extract<BuildEvent, { step: number }>;

function toStep(was: Step | undefined, event: StepEvent): Step {
  const before = was ?? {
    step: event.step,
    title: `step ${event.step}`,
    state: 'running',
    startedAt: event.at,
    output: '',
  };
  switch (event.type) {
    case 'step_started':
      return { ...before, title: event.title, startedAt: event.at };
    case 'step_output':
      return { ...before, output: `${before.output}${event.text}\n`.slice(-MAX_OUTPUT_CHARS) };
    case 'step_ended':
      return {
        ...before,
        state: event.outcome,
        durationMs: event.durationMs,
        layerBytes: event.layerBytes,
      };
  }
}
