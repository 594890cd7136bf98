const TRIES = 8;
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 3_000;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Loads a part of the console, again where that fails: browsers cut what is on its way when a network interface of their
 * machine comes or goes, as with every sandbox beside them, and a server may just be starting again.
 */
export const surely =
  <Part>(load: () => Promise<Part>, pause = sleep) =>
  async (): Promise<Part> => {
    for (let failures = 0; ; failures += 1) {
      try {
        return await load();
      } catch (error) {
        if (failures + 1 === TRIES) throw error;
        forgetBrokenStyles();
        await pause(Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** failures));
      }
    }
  };

/** One that is in the document is not asked for again. */
function forgetBrokenStyles(): void {
  const styles = globalThis.document?.querySelectorAll<HTMLLinkElement>('link[rel="stylesheet"]') ?? [];
  for (const style of styles) if (style.sheet === null) style.remove();
}
