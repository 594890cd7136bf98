import { useState } from 'react';
import { useConsole, useWorkspace } from '../../live/console-context.ts';
import { Button } from '../../ui/button.tsx';
import { Confirm } from '../../ui/confirm.tsx';

interface Props {
  selected: ReadonlySet<string>;
  onClear: () => void;
}

/** How many names are spelled out before the rest is counted. */
const NAMED = 6;

/** What can be done with several sandboxes at once. */
export function Selection({ selected, onClear }: Props) {
  const { clients } = useConsole();
  const { sandboxes } = useWorkspace();
  const [asking, setAsking] = useState(false);
  const living = [...selected].filter((id) => (sandboxes.get(id)?.status ?? 'terminated') !== 'terminated');
  if (selected.size === 0) return null;
  const names = living.slice(0, NAMED).map((id) => sandboxes.get(id)?.name ?? id);
  const terminate = async (): Promise<void> => {
    await Promise.all(living.map((id) => clients.sandboxes.delete(id)));
    onClear();
  };
  return (
    <div className="selection" role="toolbar" aria-label="Selected sandboxes">
      <span>{selected.size} selected</span>
      <Button kind="danger" disabled={living.length === 0} onClick={() => setAsking(true)}>
        Terminate {living.length}
      </Button>
      <Button kind="quiet" onClick={onClear}>
        Select none
      </Button>
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
