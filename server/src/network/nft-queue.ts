import { run } from '../lib/run.ts';

/** Gathers rule changes: while one `nft` runs, what arrives waits and goes with the next, all in one transaction. */
export interface NftQueue {
  /** Resolves once the commands are in force. */
  apply(commands: readonly string[]): Promise<void>;
}

interface Waiting {
  commands: readonly string[];
  resolve(): void;
  reject(error: unknown): void;
}

export interface NftQueueOptions {
  /** The complete ruleset as it should be, for when a change meets a table that someone else removed or altered. */
  renderAll: () => string;
  /** Told when that happens. */
  onRebuild: (error: unknown) => void;
}

const NFT_TIMEOUT_MS = 20_000;

export function createNftQueue(options: NftQueueOptions): NftQueue {
  let waiting: Waiting[] = [];
  let isRunning = false;

  async function drain(): Promise<void> {
    isRunning = true;
    while (waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      await applyBatch(batch);
    }
    isRunning = false;
  }

  async function applyBatch(batch: readonly Waiting[]): Promise<void> {
    try {
      const commands = batch.flatMap((entry) => entry.commands).join('\n');
      await runNft(commands).catch((error: unknown) => rebuild(error));
      for (const entry of batch) entry.resolve();
    } catch (error) {
      for (const entry of batch) entry.reject(error);
    }
  }

  function rebuild(error: unknown): Promise<void> {
    options.onRebuild(error);
    return runNft(options.renderAll());
  }

  return {
    apply: (commands) =>
      new Promise((resolve, reject) => {
        waiting.push({ commands, resolve, reject });
        if (!isRunning) void drain();
      }),
  };
}

export async function runNft(commands: string): Promise<void> {
  await run(['nft', '-f', '-'], { timeoutMs: NFT_TIMEOUT_MS, input: commands });
}
