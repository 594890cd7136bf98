import { useEffect, useRef, useState } from 'react';

/** A line that something printed. */
export interface Line {
  text: string;
  isError: boolean;
  /** What the server remarks, such as lines that are missing. */
  isRemark?: boolean;
}

export interface Lines {
  lines: readonly Line[];
  error: unknown;
  /** Nothing more will come. */
  isOver: boolean;
}

/** More lines than this would make the page slow; the latest count. */
const MAX_LINES = 2_000;
const SHOW_EVERY_MS = 100;

/** Lines as they come, the latest of them. `key` says whose; with another one all begins anew. */
export function useLines(
  key: string,
  open: (signal: AbortSignal) => AsyncIterable<Line>,
  onEnd: () => void = () => {},
): Lines {
  const [state, setState] = useState<Lines & { key: string }>({ key, ...nothing });
  const latest = useRef({ open, onEnd });
  latest.current = { open, onEnd };
  useEffect(() => {
    const ending = new AbortController();
    const { signal } = ending;
    const fresh: Line[] = [];
    setState({ key, ...nothing });
    const show = (change: Partial<Lines> = {}): void => {
      if (signal.aborted || (fresh.length === 0 && Object.keys(change).length === 0)) return;
      const added = fresh.splice(0);
      setState((was) => ({ ...was, ...change, lines: [...was.lines, ...added].slice(-MAX_LINES) }));
    };
    const timer = setInterval(show, SHOW_EVERY_MS);
    const follow = async (): Promise<void> => {
      for await (const line of latest.current.open(signal)) fresh.push(line);
    };
    follow().then(
      () => {
        show({ isOver: true });
        if (!signal.aborted) latest.current.onEnd();
      },
      (error: unknown) => show({ error, isOver: true }),
    );
    return () => {
      ending.abort();
      clearInterval(timer);
    };
  }, [key]);
  return state.key === key ? state : nothing;
}

const nothing: Lines = { lines: [], error: undefined, isOver: false };
