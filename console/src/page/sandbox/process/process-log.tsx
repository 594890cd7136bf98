import type { ProcessInfo } from '@atoll/sdk';
import { useConsole } from '../../../live/console-context.ts';
import { Button } from '../../../ui/button.tsx';
import { ErrorNote } from '../../../ui/error-note.tsx';
import { LineList } from '../log/line-list.tsx';
import { useLines } from '../log/use-lines.ts';
import type { Line } from '../log/use-lines.ts';

interface Props {
  sandboxId: string;
  process: ProcessInfo;
  /** The process has ended. */
  onEnd: () => void;
  onClose: () => void;
}

/** What a process prints, as it does. */
export function ProcessLog({ sandboxId, process: { pid, command, args }, onEnd, onClose }: Props) {
  const { clients } = useConsole();
  async function* read(signal: AbortSignal): AsyncGenerator<Line> {
    const sandbox = await clients.sandboxes.connect(sandboxId, { signal });
    for await (const { line, stream } of sandbox.followOutput(pid, { signal }))
      yield { text: line, isError: stream === 'stderr' };
  }
  const { lines, error } = useLines(`${sandboxId} ${pid}`, read, onEnd);
  return (
    <section className="log" aria-label={`Output of ${pid}`}>
      <header className="row">
        <code>{[command, ...args].join(' ')}</code>
        <Button kind="quiet" onClick={onClose}>
          Close
        </Button>
      </header>
      {error !== undefined && <ErrorNote error={error} what="The output broke off." />}
      <LineList lines={lines}>Nothing was printed yet.</LineList>
    </section>
  );
}
