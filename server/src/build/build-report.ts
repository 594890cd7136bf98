import type { Warning } from './dockerfile/warning.ts';
import type { LayerStepHead } from './step-title.ts';
import { titleOf } from './step-title.ts';
import type { EventWriter } from './event-writer.ts';
import type { OutputLine } from '../agent/run-process.ts';

export type StepOutcome = 'done' | 'cached' | 'failed' | 'cancelled';

/** What a step tells while it is carried out. */
export interface StepReport {
  onLine: (line: OutputLine) => void;
  end: (outcome: StepOutcome, layerBytes?: number) => void;
}

/** What a stage tells. */
export interface Logger {
  begin: (step: LayerStepHead) => StepReport;
}

/** The step that failed, as it is told at the end. */
export interface FailedStep {
  title: string;
  outputTail: string;
}

const TAIL_LINES = 40;
const TAIL_CHARS = 8_000;
/** Nobody reads more of a line. */
const MAX_LINE_CHARS = 64 * 1024;

export type BuildReport = ReturnType<typeof createBuildReport>;

/** Turns what happens in a build into its events. */
export function createBuildReport(writer: EventWriter, now: () => number) {
  let stepCount = 0;
  let failed: FailedStep | undefined;
  const warned = new Set<string>();
  const begin = (
    title: string,
    place: { stage: string; number: number; total: number },
    instruction: string,
  ) => {
    stepCount += 1;
    const step = stepCount;
    const startedAt = now();
    const tail: string[] = [];
    writer.write({ type: 'step_started', step, title, ...place, instruction });
    return {
      onLine: ({ stream, text: whole }: OutputLine): void => {
        const text = whole.length > MAX_LINE_CHARS ? `${whole.slice(0, MAX_LINE_CHARS)}…` : whole;
        tail.push(text);
        if (tail.length > TAIL_LINES) tail.shift();
        writer.write({ type: 'step_output', step, stream, text });
      },
      end: (outcome: StepOutcome, layerBytes?: number): void => {
        if (outcome === 'failed') failed ??= { title, outputTail: tail.join('\n').slice(-TAIL_CHARS) };
        const durationMs = now() - startedAt;
        writer.write({
          type: 'step_ended',
          step,
          outcome,
          durationMs,
          ...(layerBytes !== undefined && { layerBytes }),
        });
      },
    };
  };
  return {
    message: (message: string): void => writer.write({ type: 'message', message }),
    warn: (warnings: readonly Warning[]): void => {
      for (const { rule, message, file, line, column, quote } of warnings) {
        const key = `${rule} ${file}:${line}:${column} ${message}`;
        if (warned.has(key)) continue;
        warned.add(key);
        writer.write({ type: 'warning', rule, message, file, line, column, quote });
      }
    },
    /** The log of a stage of so many steps, FROM among them. */
    stage: (name: string, isOnly: boolean, total: number) => {
      let number = 0;
      const next = (text: string, instruction: string): StepReport => {
        number += 1;
        const title = titleOf({ stage: isOnly ? '' : name, number, total, text });
        return begin(title, { stage: name, number, total }, instruction);
      };
      return {
        from: (text: string): StepReport => next(text, 'from'),
        begin: (step: LayerStepHead): StepReport => next(step.text, step.instruction),
      };
    },
    failedStep: (): FailedStep | undefined => failed,
  };
}
