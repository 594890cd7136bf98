import type { SandboxInfo } from '@atoll/sdk';
import { formatElapsed } from '../../ui/format.ts';

/** What each part of a creation is, in the words of this page. */
const words: Readonly<Record<string, string>> = {
  image: 'Image built',
  queue: 'Waited',
  rootfs: 'Files',
  checkpoint: 'Memory read',
  slot: 'Slot',
  network: 'Network',
  identity: 'Identity',
  runtime: 'Runtime',
  agent: 'Agent',
};

/** Where the time of a sandbox's creation went, part by part. */
export function Creation({ sandbox: { startStages } }: { sandbox: SandboxInfo }) {
  if (startStages === undefined || startStages.length === 0) return null;
  const total = startStages.reduce((sum, { ms }) => sum + ms, 0);
  return (
    <section className="panel" aria-label="Its creation">
      <h3>
        Its creation <span className="dim">{formatElapsed(total)}</span>
      </h3>
      <ul className="stages">
        {startStages.map(({ name, ms }, index) => (
          <li key={`${index}:${name}`}>
            <span className="dim">{words[name] ?? name}</span>
            <span className="bar" style={{ width: `${(100 * ms) / total}%` }} />
            <span className="time">{formatElapsed(ms)}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}
