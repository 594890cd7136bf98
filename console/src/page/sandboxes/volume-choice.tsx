import type { FileSystemMount } from '@atoll/sdk';
import { useConsole } from '../../live/console-context.ts';
import { useLoad } from '../../ui/use-load.ts';

interface Props {
  mounts: readonly FileSystemMount[];
  onChange: (mounts: FileSystemMount[]) => void;
}

/** Which volumes a sandbox has, and where. */
export function VolumeChoice({ mounts, onChange }: Props) {
  const { clients } = useConsole();
  const { value = [] } = useLoad('volumes', (signal) => clients.sandboxes.fileSystems.list({ signal }));
  if (value.length === 0) return <p className="dim">The workspace has no volumes.</p>;
  const without = (name: string) => mounts.filter(({ fileSystemId }) => fileSystemId !== name);
  return (
    <fieldset className="choice">
      <legend>Volumes</legend>
      {value.map(({ name }) => (
        <Volume
          key={name}
          name={name}
          mount={mounts.find(({ fileSystemId }) => fileSystemId === name)}
          onChange={(mount) => onChange(mount === undefined ? without(name) : [...without(name), mount])}
        />
      ))}
    </fieldset>
  );
}

interface VolumeProps {
  name: string;
  mount: FileSystemMount | undefined;
  onChange: (mount: FileSystemMount | undefined) => void;
}

const Volume = ({ name, mount, onChange }: VolumeProps) => (
  <div className="row volume-choice">
    <label className="check">
      <input
        type="checkbox"
        checked={mount !== undefined}
        onChange={() =>
          onChange(mount === undefined ? { fileSystemId: name, mountPath: `/mnt/${name}` } : undefined)
        }
      />
      <code>{name}</code>
    </label>
    {mount !== undefined && (
      <>
        <input
          aria-label={`Where ${name} is mounted`}
          required
          pattern="/.+"
          spellCheck={false}
          value={mount.mountPath}
          onChange={(event) => onChange({ ...mount, mountPath: event.target.value })}
        />
        <label className="check">
          <input
            type="checkbox"
            aria-label={`${name} read only`}
            checked={mount.readOnly === true}
            onChange={(event) => onChange({ ...mount, readOnly: event.target.checked })}
          />
          read only
        </label>
      </>
    )}
  </div>
);
