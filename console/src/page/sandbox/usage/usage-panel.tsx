import { useState } from 'react';
import type { SandboxInfo } from '@atoll/sdk';
import { addPoint } from '../../../live/usage-history.ts';
import type { Point } from '../../../live/usage-history.ts';
import { useSamples } from '../../../live/use-samples.ts';
import { formatBytes, formatDuration, formatMb } from '../../../ui/format.ts';
import { useNow } from '../../../ui/use-now.ts';
import { Chart } from './chart.tsx';

const MB = 2 ** 20;
/** Bytes a second below which a line stays at the ground: the server asks now and then. */
const LEAST_TRAFFIC = 10_000;

const trafficOf = ({ receivedPerSecond, sentPerSecond }: Point): string =>
  receivedPerSecond === undefined || sentPerSecond === undefined
    ? '…'
    : `in ${formatBytes(receivedPerSecond)}/s · out ${formatBytes(sentPerSecond)}/s`;

/** What a running sandbox uses, since this page was opened. */
export function UsagePanel({ sandbox: { sandboxId, resources, timeoutSecs } }: { sandbox: SandboxInfo }) {
  const [points, setPoints] = useState<readonly Point[]>([]);
  useSamples((sample) => setPoints((was) => addPoint(was, sandboxId, sample)));
  const last = points.at(-1);
  return (
    <section className="panel usage" aria-label="What it uses">
      <h3>What it uses</h3>
      <div className="panels">
        <Chart
          title="Processor"
          value={`${last?.cpus?.toFixed(2) ?? '…'} of ${resources.cpus} CPU`}
          points={points}
          lines={[({ cpus }) => cpus]}
          limit={resources.cpus}
        />
        <Chart
          title="Memory"
          value={`${last === undefined ? '…' : formatBytes(last.memoryBytes)} of ${formatMb(resources.memoryMb)}`}
          points={points}
          lines={[({ memoryBytes }) => memoryBytes]}
          limit={resources.memoryMb * MB}
        />
        {last?.diskBytes !== undefined && (
          <Chart
            title="Disk"
            value={`${formatBytes(last.diskBytes)} of ${formatMb(resources.diskMb)}`}
            points={points}
            lines={[({ diskBytes }) => diskBytes]}
            limit={resources.diskMb * MB}
          />
        )}
        {last?.sentBytes !== undefined && (
          <Chart
            title="Network"
            value={trafficOf(last)}
            points={points}
            lines={[({ receivedPerSecond }) => receivedPerSecond, ({ sentPerSecond }) => sentPerSecond]}
            limit={LEAST_TRAFFIC}
          />
        )}
      </div>
      {last !== undefined && <IdleClock idleSince={last.idleSince} timeoutSecs={timeoutSecs} />}
    </section>
  );
}

function IdleClock({
  idleSince,
  timeoutSecs,
}: {
  idleSince: number | undefined;
  timeoutSecs: number | undefined;
}) {
  const now = useNow();
  if (idleSince === undefined) return <p>In use now: the idle clock stands.</p>;
  return (
    <p>
      Idle for {formatDuration(Math.max(0, now - idleSince))}
      {timeoutSecs ? ` of ${formatDuration(timeoutSecs * 1000)}` : ''}
    </p>
  );
}
