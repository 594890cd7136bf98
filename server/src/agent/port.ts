/** Where the agent listens in every isolated sandbox. */
export const AGENT_PORT = 9501;
