/** What every call that can wait takes. */
export interface WaitOptions {
  /** Ends the call; it then throws the reason of the signal. */
  signal?: AbortSignal;
}

/** How a handle finds its sandbox. */
export interface ConnectOptions extends WaitOptions {
  /** Address of the data plane. Default: what the server says. */
  proxyUrl?: string;
}

/** What a suspend or a resume takes. */
export interface SettleOptions extends WaitOptions {
  /** Whether to wait until it is done (default: true). */
  wait?: boolean;
  /** How long to wait, in seconds (default: 300). */
  timeout?: number;
}

/** How to reach a sandbox that exists. */
export interface ConnectOptions extends WaitOptions {
  /** Address of the data plane. Default: what the server says. */
  proxyUrl?: string;
}
