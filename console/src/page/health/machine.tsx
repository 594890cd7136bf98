import { useState } from 'react';
import type { ServerStatus } from '@atoll/sdk';
import { useConsole } from '../../live/console-context.ts';
import { useFollow } from '../../live/use-follow.ts';
import { Fact, Facts } from '../../ui/facts.tsx';
import { formatBytes, formatDuration, formatTime } from '../../ui/format.ts';
import { Room } from './room.tsx';

/** The server's machine and what waits on it, of all workspaces, as it changes. */
export function Machine() {
  const { clients } = useConsole();
  const [status, setStatus] = useState<ServerStatus>();
  useFollow('server', (signal) => clients.admin.serverHealth.status({ signal }), setStatus);
  if (status === undefined) return <p className="dim">Reading how the machine stands…</p>;
  const { versions, at, startedAt, load, cpus } = status;
  return (
    <div className="panels">
      <Facts title="Room">
        <Room term="Memory" room={status.memory} />
        <Room term="Disk" room={status.disk} />
        <Fact term="Load">
          {load.toFixed(1)} <span className="dim">on {cpus} processors</span>
        </Fact>
        <Fact term="Server's own">{formatBytes(status.serverMemoryBytes)}</Fact>
      </Facts>
      <Facts title="Of all workspaces">
        <Counts of={status.sandboxes} what="sandboxes" />
        <Fact term="Ready slots">{String(status.readySlots)}</Fact>
        <Fact term="Waiting starts">{String(status.waitingStarts)}</Fact>
        <Counts of={status.builds} what="builds" />
      </Facts>
      <Facts title="Versions">
        <Fact term="Atoll">{versions.server}</Fact>
        <Fact term="Node">{versions.node}</Fact>
        <Fact term="Kernel">{versions.kernel}</Fact>
        <Fact term="Started">
          {formatTime(startedAt)}, {formatDuration(Math.max(0, at - startedAt))} ago
        </Fact>
      </Facts>
    </div>
  );
}

function Counts({ of, what }: { of: Readonly<Record<string, number>>; what: 'sandboxes' | 'builds' }) {
  const counts = Object.entries(of).map(([state, count]) => `${count} ${state}`);
  const term = what === 'builds' ? 'Builds' : 'Sandboxes';
  return <Fact term={term}>{counts.length === 0 ? 'none' : counts.join(', ')}</Fact>;
}
