import type { BuildEvent } from './build-event.ts';

/** Turns the events of a build into whole lines of text. One per reader: it keeps the beginnings of lines. */
export type BuildLog = (event: BuildEvent) => string[];

/** Lines say which step they are of by its number: stages are built at the same time. */
export function createBuildLog(): BuildLog {
  const begun = new Map<number, string>();
  const split = (step: number, text: string): string[] => {
    const lines = `${begun.get(step) ?? ''}${text}`.split('\n');
    begun.set(step, lines.pop() ?? '');
    return lines.map((line) => `#${step} ${line.replace(/\r$/, '')}`);
  };
  const rest = (step: number): string[] => ((begun.get(step) ?? '') === '' ? [] : split(step, '\n'));
  return (event) => {
    switch (event.type) {
      case 'message':
        return [event.message];
      case 'warning':
        return [`warning: ${event.message} (${event.file}:${event.line})`];
      case 'step_started':
        return [`#${event.step} ${event.title}`];
      case 'step_output':
        return split(event.step, event.text);
      case 'step_ended':
        return [...rest(event.step), `#${event.step} ${outcomeText(event)}`];
      default:
        return [];
    }
  };
}

function outcomeText({ outcome, durationMs }: Extract<BuildEvent, { type: 'step_ended' }>): string {
  if (outcome === 'cached') return 'CACHED';
  return `${outcome === 'done' ? 'DONE' : outcome.toUpperCase()} ${(durationMs / 1000).toFixed(1)}s`;
}
