import { useState } from 'react';
import type { FormEvent } from 'react';
import type { CreatePoolOptions, SandboxPoolInfo } from '@atoll/sdk';
import { useWorkspace } from '../../live/console-context.ts';
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

interface Props {
  title: string;
  deed: string;
  /** What it is so far; absent: it is a new one. */
  pool?: SandboxPoolInfo;
  act: (options: CreatePoolOptions) => Promise<unknown>;
  onClose: () => void;
}

/** Asks what the sandboxes of a pool are, and how many wait. */
export function PoolDialog({ title, deed, pool, act, onClose }: Props) {
  const { images } = useWorkspace();
  const [image, setImage] = useState(pool?.image ?? '');
  const [texts, setTexts] = useState(() => textsOf(pool));
  const save = useAction(async () => {
    await act({ ...keptOf(pool), ...toOptions(image, texts) });
    onClose();
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    void save.run();
  };
  return (
    <Dialog title={title} onClose={onClose}>
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
        {pool !== undefined && (
          <p className="dialog-body dim">
            Warm sandboxes that are no longer what the pool says are replaced; claimed ones go on.
          </p>
        )}
        {save.error !== undefined && <ErrorNote error={save.error} />}
        <footer>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" type="submit" busy={save.busy}>
            {deed}
          </Button>
        </footer>
      </form>
    </Dialog>
  );
}

type Texts = Readonly<Record<string, string>>;

function textsOf(pool: SandboxPoolInfo | undefined): Texts {
  if (pool === undefined) return {};
  const { resources, warmContainers, maxContainers, timeoutSecs } = pool;
  const { cpus, memoryMb } = resources;
  const values = { cpus, memoryMb, warmContainers, maxContainers, timeoutSecs };
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, value?.toString() ?? '']));
}

/** A change takes the place of all that a pool was, so what the form does not ask goes with it. */
function keptOf(pool: SandboxPoolInfo | undefined): CreatePoolOptions {
  if (pool === undefined) return {};
  const { resources, entrypoint, network, secretNames, fileSystems } = pool;
  const { ephemeralDiskMb } = resources;
  return { ephemeralDiskMb, secretNames, fileSystems, ...network, ...(entrypoint && { entrypoint }) };
}

/** Fields that were left alone are left to the server. */
function toOptions(image: string, texts: Texts): CreatePoolOptions {
  const typed = Object.entries(texts).filter(([, text]) => text.trim() !== '');
  return {
    ...(image.trim() !== '' && { image: image.trim() }),
    ...Object.fromEntries(typed.map(([name, text]) => [name, Number(text)])),
  };
}
