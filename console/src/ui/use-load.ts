import { useCallback, useEffect, useRef, useState } from 'react';

export interface Loaded<T> {
  value: T | undefined;
  error: unknown;
  busy: boolean;
  reload: () => void;
}

/** Reads something when it is first shown, when `key` changes, and when asked to. What was read before stays meanwhile. */
export function useLoad<T>(key: string, read: (signal: AbortSignal) => Promise<T>): Loaded<T> {
  const [state, setState] = useState<{ key: string; value?: T; error?: unknown; busy: boolean }>({
    key,
    busy: true,
  });
  const [round, setRound] = useState(0);
  const latest = useRef(read);
  latest.current = read;
  useEffect(() => {
    const ending = new AbortController();
    setState((was) => (was.key === key ? { ...was, busy: true } : { key, busy: true }));
    latest.current(ending.signal).then(
      (value) => ending.signal.aborted || setState({ key, value, busy: false }),
      (error: unknown) => ending.signal.aborted || setState({ key, error, busy: false }),
    );
    return () => ending.abort();
  }, [key, round]);
  const reload = useCallback(() => setRound((was) => was + 1), []);
  return { value: state.key === key ? state.value : undefined, error: state.error, busy: state.busy, reload };
}
