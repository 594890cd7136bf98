import { readFile } from 'node:fs/promises';
import type { Traffic } from './network.ts';

/** What went through the host's end of a veth: what it received is what the sandbox sent. Undefined where there is none. */
export async function readTraffic(device: string): Promise<Traffic | undefined> {
  const read = async (name: string): Promise<number> =>
    Number(await readFile(`/sys/class/net/${device}/statistics/${name}`, 'utf8'));
  try {
    const [sentBytes, receivedBytes] = await Promise.all([read('rx_bytes'), read('tx_bytes')]);
    return { sentBytes, receivedBytes };
  } catch {
    return undefined;
  }
}
