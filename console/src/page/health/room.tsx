import type { ServerStatus } from '@atoll/sdk';
import { formatMb } from '../../ui/format.ts';

interface Props {
  term: string;
  room: ServerStatus['memory'];
}

/** How much is left of what there is, and whether that is enough to take in anything new. */
export function Room({ term, room: { totalMb, availableMb, reservedMb } }: Props) {
  const isShort = availableMb < reservedMb;
  return (
    <div>
      <dt>{term}</dt>
      <dd>
        <span className={isShort ? 'refused' : undefined}>{formatMb(availableMb)}</span>{' '}
        <span className="dim">of {formatMb(totalMb)} left</span>
        <meter
          aria-label={`${term} in use`}
          min={0}
          max={totalMb}
          high={totalMb - 2 * reservedMb}
          optimum={0}
          value={totalMb - availableMb}
        />
        {isShort && (
          <p className="refused">Nothing new starts while less than {formatMb(reservedMb)} is left.</p>
        )}
      </dd>
    </div>
  );
}
