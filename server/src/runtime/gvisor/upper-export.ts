import { outputOf } from '../../lib/output-of.ts';
import type { UpperExport } from '../driver.ts';
import type { ExportMemory } from './export-memory.ts';
import type { RunscCommands } from './runsc.ts';
import type { Standstill } from './standstill.ts';
import type { UpperUsage } from './upper-usage.ts';

export interface UpperExportTools {
  runsc: RunscCommands;
  standstill: Standstill;
  upperUsage: UpperUsage;
  exportMemory: ExportMemory;
}

const EXPORT_TIMEOUT_MS = 30 * 60_000;

/**
 * Lets `consume` read the upper layer of a sandbox, which gVisor alone knows, while it stands still: from then on that is
 * as large as it is.
 */
export async function exportUpperOf<T>(
  { runsc, standstill, upperUsage, exportMemory }: UpperExportTools,
  slotId: string,
  consume: (upper: UpperExport) => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  const end = await standstill.begin(slotId);
  try {
    const upperBytes = (await upperUsage.read(slotId)) ?? 0;
    const options = { timeoutMs: EXPORT_TIMEOUT_MS, signal };
    return await exportMemory.during(slotId, upperBytes, () =>
      consume({ tar: withoutRemark(outputOf(runsc.exportUpper(slotId), options)) }),
    );
  } finally {
    await end();
  }
}

const REMARK = 'Serializing ';

/** runsc begins its output with a line for people, in front of the archive, whose first member is `./`. */
async function* withoutRemark(output: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
  let start: Buffer | undefined = Buffer.alloc(0);
  for await (const chunk of output) {
    if (start === undefined) {
      yield chunk;
      continue;
    }
    start = Buffer.concat([start, chunk]);
    const isRemark = start.toString('latin1', 0, REMARK.length) === REMARK;
    const end = start.indexOf('\n') + 1;
    if (start.length < REMARK.length || (isRemark && end === 0)) continue;
    yield isRemark ? start.subarray(end) : start;
    start = undefined;
  }
}
