/** What every call that can wait takes. */
export interface WaitOptions {
  /** Ends the call; it then throws the reason of the signal. */
  signal?: AbortSignal;
}
