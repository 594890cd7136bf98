/** When what somebody follows has to end: he follows anew, if he still may. */
export interface AccessSignalOptions {
  /** Told when a key or a role changes or ends. */
  onAccessChange: (listen: () => void) => void;
  /** Aborts when the server stops. */
  closing: AbortSignal;
}

/** Answers a signal for streams that begin now. */
export function createAccessSignal({ onAccessChange, closing }: AccessSignalOptions): () => AbortSignal {
  let access = new AbortController();
  onAccessChange(() => {
    access.abort();
    access = new AbortController();
  });
  return () => AbortSignal.any([access.signal, closing]);
}
