/** What is refused for want of room may be asked for again soon: places come free all the time. */
const RETRY_AFTER_SECS = 1;

/** The header that says when to ask again, for the statuses that mean so. */
export const retryAfter = (status: number): { 'retry-after'?: string } =>
  status === 429 || status === 503 ? { 'retry-after': String(RETRY_AFTER_SECS) } : {};
