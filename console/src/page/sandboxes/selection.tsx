import { useState } from 'react';
import { useConsole, useWorkspace } from '../../live/console-context.ts';
import { Button } from '../../ui/button.tsx';
import { Confirm } from '../../ui/confirm.tsx';
import { ErrorNote } from '../../ui/error-note.tsx';
import { terminateAll } from './terminate-all.ts';
import type { Refusal } from './terminate-all.ts';

interface Props {
  selected: ReadonlySet<string>;
  onSelect: (ids: ReadonlySet<string>) => void;
}

/** How many names are spelled out before the rest is counted. */
const NAMED = 6;

/** What can be done with several sandboxes at once. */
export function Selection({ selected, onSelect }: Props) {
  const { clients } = useConsole();
  const { sandboxes } = useWorkspace();
  const [asking, setAsking] = useState(false);
  const [refusals, setRefusals] = useState<readonly Refusal[]>([]);
  const nameOf = (id: string): string => sandboxes.get(id)?.name ?? id;
  const living = [...selected].filter((id) => (sandboxes.get(id)?.status ?? 'terminated') !== 'terminated');
  if (selected.size === 0) return null;
  const names = living.slice(0, NAMED).map(nameOf);
  const terminate = async (): Promise<void> => {
    const left = await terminateAll(living, (id) => clients.sandboxes.delete(id));
    setRefusals(left);
    onSelect(new Set(left.map(({ id }) => id)));
  };
  const clear = (): void => {
    setRefusals([]);
    onSelect(new Set());
  };
  return (
    <div className="selection" role="toolbar" aria-label="Selected sandboxes">
      <span>{selected.size} selected</span>
      <Button kind="danger" disabled={living.length === 0} onClick={() => setAsking(true)}>
        Terminate {living.length}
      </Button>
      <Button kind="quiet" onClick={clear}>
        Select none
      </Button>
      {refusals
        .filter(({ id }) => selected.has(id))
        .map(({ id, error }) => (
          <ErrorNote key={id} error={error} what={`${nameOf(id)} was not terminated.`} />
        ))}
      {asking && (
        <Confirm
          title={`Terminate ${living.length} sandboxes?`}
          deed="Terminate"
          act={terminate}
          onClose={() => setAsking(false)}
        >
          <p>
            Memory, processes and files of <strong>{names.join(', ')}</strong>
            {living.length > NAMED && ` and ${living.length - NAMED} more`} will be lost. Snapshots that were
            taken of them stay.
          </p>
        </Confirm>
      )}
    </div>
  );
}
