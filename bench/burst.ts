import { timed } from './scenario.ts';
import { openStand } from './stand.ts';

export interface BurstResult {
  asked: number;
  succeeded: number;
  wallMs: number;
}

/** That many creates at once, each until its first command has answered. */
export async function runBurst(count: number): Promise<BurstResult> {
  const stand = await openStand('gvisor', 2);
  try {
    let succeeded = 0;
    const wallMs = await timed(() =>
      Promise.allSettled(
        Array.from({ length: count }, async () => {
          const sandbox = await stand.client.createAndConnect();
          const result = await sandbox.run('echo', { args: ['ready'] });
          if (result.stdout === 'ready') succeeded += 1;
        }),
      ),
    );
    return { asked: count, succeeded, wallMs };
  } finally {
    await stand.close();
  }
}
