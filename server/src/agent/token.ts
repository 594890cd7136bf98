import { createHmac } from 'node:crypto';

/** The agent's token: derived, so that it needs no store, and another one for each incarnation. */
export const agentToken = (serverKey: Buffer, sandboxId: string, incarnation: number): string =>
  createHmac('sha256', serverKey).update(`agent\0${sandboxId}\0${incarnation}`).digest('hex');
