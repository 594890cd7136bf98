import { setTimeout as sleep } from 'node:timers/promises';
import { Sandbox } from '@atoll/sdk';
import { describe, expect, test } from 'vitest';
import { useServer } from '../fixtures/server.ts';
import { clientOf } from './tensorlake-npm/client.ts';

/** The image takes minutes to build where the cache lacks it. */
const isLong = process.env['ATOLL_TEST_LONG'] !== undefined;
const BUILD_TIMEOUT_MS = 20 * 60_000;
const WINDOW_TIMEOUT_MS = 60_000;
const password = 'tensorlake';

/** What both clients have in common. */
interface AnyDesktop {
  width: number;
  height: number;
  screenshot(): Promise<Uint8Array>;
  click(options: { x: number; y: number }): Promise<void>;
  typeText(text: string): Promise<void>;
  press(keys: string[]): Promise<void>;
  close(): Promise<void>;
}

interface Shell {
  run(
    command: string,
    options: { args: string[]; env?: Record<string, string> },
  ): Promise<{ stdout: string }>;
}

const isPng = (bytes: Uint8Array): boolean =>
  Buffer.from(bytes.subarray(0, 8)).toString('latin1') === '\u0089PNG\r\n\u001a\n';

/** Types into a terminal of the desktop; the screen shows it, and the shell in the terminal does it. */
async function useDesktop(desktop: AnyDesktop, shell: Shell, name: string): Promise<void> {
  const sh = (script: string) => shell.run('sh', { args: ['-c', script], env: { DISPLAY: ':1' } });
  expect([desktop.width, desktop.height]).toEqual([1280, 800]);
  const empty = await desktop.screenshot();
  expect(isPng(empty)).toBe(true);
  await sh('setsid xfce4-terminal --disable-server --maximize >/dev/null 2>&1 &');
  const shows = async (before: Uint8Array): Promise<boolean> =>
    !Buffer.from(await desktop.screenshot()).equals(Buffer.from(before));
  await expect.poll(() => shows(empty), { timeout: WINDOW_TIMEOUT_MS }).toBe(true);
  await expect
    .poll(
      async () => {
        const before = await desktop.screenshot();
        await desktop.click({ x: 640, y: 400 });
        await desktop.typeText(`echo seen > /tmp/${name}`);
        await sleep(500);
        const isSeen = await shows(before);
        await desktop.press(['enter']);
        await sleep(500);
        const { stdout } = await sh(`cat /tmp/${name} 2>/dev/null`);
        return [isSeen, stdout.trim()];
      },
      { timeout: WINDOW_TIMEOUT_MS },
    )
    .toEqual([true, 'seen']);
  await desktop.press(['ctrl', 'd']);
  await desktop.close();
}

describe.runIf(isLong)('the image with a desktop', () => {
  const server = useServer({ runtime: 'gvisor' });

  test(
    'is seen and used by both clients, and survives a suspend',
    async () => {
      const sandbox = await Sandbox.create({
        apiUrl: server().url,
        apiKey: server().apiKey,
        image: 'ubuntu-vnc',
        name: 'desk',
        cpus: 2,
        memoryMb: 3072,
        requestTimeout: BUILD_TIMEOUT_MS / 1000,
      });
      await useDesktop(await sandbox.connectDesktop({ password, connectTimeout: 60 }), sandbox, 'ours');
      await expect(sandbox.connectDesktop({ password: 'wrong' })).rejects.toThrow(/refused/);

      await sandbox.suspend();
      const connected = clientOf(server()).connect('desk');
      const desktop = await connected.connectDesktop({ password, connectTimeout: 60 });
      await useDesktop(desktop, sandbox, 'theirs');

      const browser = await sandbox.run('firefox', { args: ['--version'] });
      expect(browser.stdout).toMatch(/^Mozilla Firefox \d+/);
      await sandbox.terminate();
    },
    BUILD_TIMEOUT_MS,
  );
});
