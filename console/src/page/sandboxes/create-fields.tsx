import type { InputHTMLAttributes } from 'react';
import { useWorkspace } from '../../live/console-context.ts';
import { Field } from '../../ui/field.tsx';
import type { CreateForm } from './create-form.ts';
import { VolumeChoice } from './volume-choice.tsx';

interface Props {
  form: CreateForm;
  onChange: (changes: Partial<CreateForm>) => void;
}

type TextName = Exclude<keyof CreateForm, 'internet' | 'secretNames' | 'fileSystems'>;
type TextProps = Props & { name: TextName; label: string; note?: string } & Omit<
    InputHTMLAttributes<HTMLInputElement>,
    'form' | 'onChange' | 'name'
  >;

const Text = ({ form, onChange, name, label, note, ...input }: TextProps) => (
  <Field label={label} note={note}>
    <input
      {...input}
      name={name}
      value={form[name]}
      autoComplete="off"
      spellCheck={false}
      onChange={(event) => onChange({ [name]: event.target.value })}
    />
  </Field>
);

/** What nearly everybody chooses. */
export function BasicFields(props: Props) {
  const { images } = useWorkspace();
  return (
    <>
      <Text
        {...props}
        name="name"
        label="Name"
        placeholder="none: it ends for good when it is idle too long"
        note="A named sandbox can be suspended and goes on where it was."
      />
      <Text {...props} name="image" label="Image" placeholder="tensorlake/ubuntu-minimal" list="images" />
      <datalist id="images">
        {[...images.keys()].toSorted().map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
      <div className="field-row">
        <Text {...props} name="cpus" label="CPUs" type="number" min="0.1" step="any" placeholder="1" />
        <Text {...props} name="memoryMb" label="Memory (MB)" type="number" min="64" placeholder="1024" />
        <Text {...props} name="diskMb" label="Disk (MB)" type="number" min="64" placeholder="of the image" />
        <Text {...props} name="timeoutSecs" label="Idle limit (s)" type="number" min="0" placeholder="none" />
      </div>
    </>
  );
}

/** What fewer do. */
export function MoreFields({ secretNames, ...props }: Props & { secretNames: readonly string[] }) {
  const { form, onChange } = props;
  return (
    <>
      <label className="check">
        <input
          type="checkbox"
          checked={form.internet}
          onChange={(event) => onChange({ internet: event.target.checked })}
        />
        May reach the internet
      </label>
      <Text
        {...props}
        name="allowOut"
        label="Only these destinations"
        placeholder="*.example.com 203.0.113.0/24"
      />
      <Text {...props} name="denyOut" label="Never these" placeholder="ads.example.com" />
      <Text {...props} name="exposedPorts" label="Exposed ports" placeholder="8080 3000" note="With a key." />
      <VolumeChoice mounts={form.fileSystems} onChange={(fileSystems) => onChange({ fileSystems })} />
      <SecretChoice form={form} onChange={onChange} names={secretNames} />
    </>
  );
}

function SecretChoice({ form, onChange, names }: Props & { names: readonly string[] }) {
  if (names.length === 0) return <p className="dim">The workspace has no secrets.</p>;
  const toggle = (name: string): void =>
    onChange({ secretNames: [...new Set(form.secretNames).symmetricDifference(new Set([name]))] });
  return (
    <fieldset className="choice">
      <legend>Secrets in its environment</legend>
      {names.map((name) => (
        <label className="check" key={name}>
          <input type="checkbox" checked={form.secretNames.includes(name)} onChange={() => toggle(name)} />
          <code>{name}</code>
        </label>
      ))}
    </fieldset>
  );
}
