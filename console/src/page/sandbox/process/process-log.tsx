import { useEffect, useRef, useState } from 'react';
import type { ProcessInfo } from '@atoll/sdk';
import { useConsole } from '../../../live/console-context.ts';
import { Button } from '../../../ui/button.tsx';
import { ErrorNote } from '../../../ui/error-note.tsx';

interface Props {
  sandboxId: string;
  process: ProcessInfo;
  /** The process has ended. */
  onEnd: () => void;
  onClose: () => void;
}

/** More lines than this would make the page slow; the latest count. */
const MAX_LINES = 2_000;
const SHOW_EVERY_MS = 100;

interface Line {
  text: string;
  isError: boolean;
}

/** What a process prints, as it does. */
export function ProcessLog({ sandboxId, process: { pid, command, args }, onEnd, onClose }: Props) {
  const { clients } = useConsole();
  const [lines, setLines] = useState<readonly Line[]>([]);
  const [error, setError] = useState<unknown>();
  const place = useRef<HTMLPreElement>(null);
  const tellEnd = useRef(onEnd);
  tellEnd.current = onEnd;
  useEffect(() => {
    const ending = new AbortController();
    const fresh: Line[] = [];
    const show = (): void => {
      if (fresh.length === 0) return;
      const added = fresh.splice(0);
      setLines((was) => [...was, ...added].slice(-MAX_LINES));
    };
    const timer = setInterval(show, SHOW_EVERY_MS);
    const follow = async (): Promise<void> => {
      const { signal } = ending;
      const sandbox = await clients.sandboxes.connect(sandboxId, { signal });
      for await (const { line, stream } of sandbox.followOutput(pid, { signal }))
        fresh.push({ text: line, isError: stream === 'stderr' });
      show();
      tellEnd.current();
    };
    follow().catch((reason: unknown) => ending.signal.aborted || setError(reason));
    return () => {
      ending.abort();
      clearInterval(timer);
    };
  }, [clients, sandboxId, pid]);
  useEffect(() => {
    place.current?.scrollTo({ top: place.current.scrollHeight });
  }, [lines]);
  return (
    <section className="log" aria-label={`Output of ${pid}`}>
      <header className="row">
        <code>{[command, ...args].join(' ')}</code>
        <Button kind="quiet" onClick={onClose}>
          Close
        </Button>
      </header>
      {error !== undefined && <ErrorNote error={error} what="The output broke off." />}
      <pre ref={place} tabIndex={0}>
        {lines.length === 0 && <span className="dim">Nothing was printed yet.</span>}
        {lines.map(({ text, isError }, at) => (
          <div key={at} className={isError ? 'stderr' : undefined}>
            {text}
          </div>
        ))}
      </pre>
    </section>
  );
}
