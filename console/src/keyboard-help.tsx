import { places } from './place.ts';
import { Dialog } from './ui/dialog.tsx';

/** The list of keys. */
export const KeyboardHelp = ({ onClose }: { onClose: () => void }) => (
  <Dialog title="Keys" onClose={onClose}>
    <dl className="keys">
      <Key keys={['/']} what="Search on this page" />
      <Key keys={['?']} what="This list" />
      {places.map(({ name, key }) => (
        <Key key={key} keys={['g', key]} what={`Go to ${name}`} />
      ))}
      <Key keys={['Esc']} what="Close a window" />
    </dl>
  </Dialog>
);

const Key = ({ keys, what }: { keys: readonly string[]; what: string }) => (
  <div>
    <dt>
      {keys.map((key) => (
        <kbd key={key}>{key}</kbd>
      ))}
    </dt>
    <dd>{what}</dd>
  </div>
);
