import type { BuildEvent } from './build-event.ts';

/** An event of a build as lines of text. Each says which step it is of: stages are built at the same time. */
export function buildLogLines(event: BuildEvent): string[] {
  switch (event.type) {
    case 'message':
      return [event.message];
    case 'warning':
      return [`warning: ${event.message} (${event.file}:${event.line})`];
    case 'step_started':
      return [`#${event.step} ${event.title}`];
    case 'step_output':
      return outputLines(event.text).map((line) => `#${event.step} ${line}`);
    case 'step_ended':
      return [`#${event.step} ${outcomeText(event)}`];
    default:
      return [];
  }
}

/** The text of an output event: whole lines, of which the last may lack its end. */
const outputLines = (text: string): string[] => text.replace(/\r?\n$/, '').split(/\r?\n/);

function outcomeText({ outcome, durationMs }: Extract<BuildEvent, { type: 'step_ended' }>): string {
  if (outcome === 'cached') return 'CACHED';
  return `${outcome === 'done' ? 'DONE' : outcome.toUpperCase()} ${(durationMs / 1000).toFixed(1)}s`;
}
