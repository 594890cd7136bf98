/** A flag or an environment variable that makes no sense; the message says which and why. */
export class ConfigError extends Error {}
