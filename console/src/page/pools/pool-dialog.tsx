import { useState } from 'react';
import type { FormEvent } from 'react';
import type { CreatePoolOptions } from '@atoll/sdk';
import { useConsole, useWorkspace } from '../../live/console-context.ts';
import { navigate } from '../../router.tsx';
import { Button } from '../../ui/button.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { ErrorNote } from '../../ui/error-note.tsx';
import { Field } from '../../ui/field.tsx';
import { useAction } from '../../ui/use-action.ts';

const numbers = [
  { name: 'cpus', label: 'CPUs', min: '0.1', placeholder: '1' },
  { name: 'memoryMb', label: 'Memory (MB)', min: '64', placeholder: '1024' },
  { name: 'warmContainers', label: 'Warm', min: '0', placeholder: '0' },
  { name: 'maxContainers', label: 'At most', min: '1', placeholder: 'no limit' },
  { name: 'timeoutSecs', label: 'Idle limit (s)', min: '0', placeholder: 'none' },
] as const;

/** Asks what the sandboxes of a new pool are, and how many wait. */
export function PoolDialog({ onClose }: { onClose: () => void }) {
  const { clients } = useConsole();
  const { images } = useWorkspace();
  const [image, setImage] = useState('');
  const [texts, setTexts] = useState<Readonly<Record<string, string>>>({});
  const create = useAction(async () => {
    const { poolId } = await clients.sandboxes.createPool(toOptions(image, texts));
    onClose();
    navigate(`/pools/${poolId}`);
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    void create.run();
  };
  return (
    <Dialog title="Create a pool" onClose={onClose}>
      <form onSubmit={submit}>
        <div className="dialog-body">
          <Field label="Image">
            <input
              name="image"
              autoComplete="off"
              spellCheck={false}
              placeholder="tensorlake/ubuntu-minimal"
              list="pool-images"
              value={image}
              onChange={(event) => setImage(event.target.value)}
            />
          </Field>
          <datalist id="pool-images">
            {[...images.keys()].toSorted().map((name) => (
              <option key={name} value={name} />
            ))}
          </datalist>
          <div className="field-row">
            {numbers.map(({ name, label, ...input }) => (
              <Field key={name} label={label}>
                <input
                  {...input}
                  name={name}
                  type="number"
                  step="any"
                  value={texts[name] ?? ''}
                  onChange={(event) => setTexts((was) => ({ ...was, [name]: event.target.value }))}
                />
              </Field>
            ))}
          </div>
        </div>
        {create.error !== undefined && <ErrorNote error={create.error} />}
        <footer>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" type="submit" busy={create.busy}>
            Create
          </Button>
        </footer>
      </form>
    </Dialog>
  );
}

/** Fields that were left alone are left to the server. */
function toOptions(image: string, texts: Readonly<Record<string, string>>): CreatePoolOptions {
  const typed = Object.entries(texts).filter(([, text]) => text.trim() !== '');
  return {
    ...(image.trim() !== '' && { image: image.trim() }),
    ...Object.fromEntries(typed.map(([name, text]) => [name, Number(text)])),
  };
}
