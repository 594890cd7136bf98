import { CommandError, run } from '../lib/run.ts';

const TIMEOUT_MS = 10_000;

/**
 * Forgets the connections from and to an address, so that its next holder inherits none. Without the `conntrack`
 * program they fade by themselves, and the address pool's rest is what keeps them apart.
 */
export async function forgetConnections(address: string): Promise<void> {
  await Promise.all(['-s', '-d'].map((direction) => deleteEntries(direction, address)));
}

async function deleteEntries(direction: string, address: string): Promise<void> {
  try {
    await run(['conntrack', '-D', direction, address], { timeoutMs: TIMEOUT_MS });
  } catch (error) {
    // It ends with 1 when there was nothing to delete.
    if (error instanceof CommandError && (error.exitCode === 1 || error.message.includes('ENOENT'))) return;
    throw error;
  }
}
