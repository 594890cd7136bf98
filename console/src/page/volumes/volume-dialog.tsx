import { useState } from 'react';
import type { FormEvent } from 'react';
import type { FileSystem } from '@atoll/sdk';
import { useConsole } from '../../live/console-context.ts';
import { Button } from '../../ui/button.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { ErrorNote } from '../../ui/error-note.tsx';
import { Field } from '../../ui/field.tsx';
import { useAction } from '../../ui/use-action.ts';
import { VolumeSnapshots } from './volume-snapshots.tsx';

interface Props {
  volume: FileSystem;
  onChanged: () => void;
  onClose: () => void;
}

/** Lets a volume grow, and shows what was kept of it. */
export function VolumeDialog({ volume, onChanged, onClose }: Props) {
  const { mayChange } = useConsole();
  return (
    <Dialog title={volume.name} onClose={onClose} wide>
      <div className="dialog-body">
        {mayChange && <Grow volume={volume} onGrown={onChanged} />}
        <VolumeSnapshots volume={volume} />
      </div>
      <footer>
        <Button onClick={onClose}>Done</Button>
      </footer>
    </Dialog>
  );
}

function Grow({ volume: { id, sizeMb: size }, onGrown }: { volume: FileSystem; onGrown: () => void }) {
  const { clients } = useConsole();
  const [sizeMb, setSizeMb] = useState(String(size));
  const grow = useAction(async () => {
    await clients.sandboxes.fileSystems.update(id, { sizeMb: Number(sizeMb) });
    onGrown();
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    void grow.run();
  };
  return (
    <form onSubmit={submit}>
      <Field label="Size (MB)" note="It grows while no sandbox has it, and never shrinks.">
        <input
          type="number"
          required
          min={size}
          value={sizeMb}
          onChange={(event) => setSizeMb(event.target.value)}
        />
      </Field>
      {grow.error !== undefined && <ErrorNote error={grow.error} />}
      <Button type="submit" busy={grow.busy} disabled={Number(sizeMb) <= size}>
        Let it grow
      </Button>
    </form>
  );
}
