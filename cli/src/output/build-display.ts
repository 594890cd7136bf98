import { buildLogLines } from '@atoll/protocol';
import type { BuildEvent } from '@atoll/sdk';
import { formatBytes, plural } from './format.ts';
import { createLiveSteps } from './live-steps.ts';
import type { Output } from './output.ts';

/** Shows a build as it goes on. */
export interface BuildDisplay {
  show(event: BuildEvent): void;
  context(progress: { fileCount: number; sizeBytes: number }): void;
  /** Leaves only what should stay. */
  end(): void;
}

/** A line per step where somebody watches, with the last thing it said; the whole log as lines elsewhere. */
export const createBuildDisplay = (output: Output): BuildDisplay =>
  output.isProgressSeen ? liveDisplay(output) : plainDisplay(output);

function plainDisplay(output: Output): BuildDisplay {
  let sent: { fileCount: number; sizeBytes: number } | undefined;
  return {
    show: (event) => {
      if (sent && event.type === 'step_started') {
        output.note(`Context: ${plural(sent.fileCount, 'file')}, ${formatBytes(sent.sizeBytes)}`);
        sent = undefined;
      }
      for (const line of buildLogLines(event)) output.note(line);
    },
    context: (progress) => {
      sent = progress;
    },
    end: () => {},
  };
}

function liveDisplay(output: Output): BuildDisplay {
  const live = createLiveSteps(
    (text) => void output.writeError(text),
    () => process.stderr.columns || 80,
  );
  return {
    show: (event) => {
      const lines = buildLogLines(event);
      if (event.type === 'step_started') live.begin(event.step, event.title);
      if (event.type === 'step_output') live.say(event.step, lines.at(-1)?.replace(/^#\d+ /, ''));
      if (event.type === 'step_ended') live.finish(event.step, event.outcome, event.durationMs);
      if (event.type === 'message' || event.type === 'warning') live.note(lines);
      if (event.type === 'failed') live.note((event.failure.outputTail ?? '').trimEnd().split('\n'));
    },
    context: ({ fileCount, sizeBytes }) =>
      live.status(`Sending the context: ${plural(fileCount, 'file')}, ${formatBytes(sizeBytes)}`),
    end: () => live.close(),
  };
}
