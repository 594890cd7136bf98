import { useState } from 'react';
import { useConsole } from '../../live/console-context.ts';
import { navigate } from '../../router.tsx';
import { Button } from '../../ui/button.tsx';
import { Confirm } from '../../ui/confirm.tsx';
import { formatBytes, formatTime } from '../../ui/format.ts';
import { nameOfTag } from './repository.ts';
import type { Repository } from './repository.ts';

interface Props {
  repository: Repository;
  /** The tag that the page is about. */
  shown: string;
  onShow: (tag: string) => void;
}

/** The tags of an image, each with what it names. */
export function Tags({ repository: { name, tags, source }, shown, onShow }: Props) {
  const { mayChange } = useConsole();
  const [removing, setRemoving] = useState<string>();
  const mayRemove = mayChange && source === 'own';
  return (
    <section aria-label="Tags" className="part">
      <h3>Tags</h3>
      <table className="table inset">
        <tbody>
          {tags.map(({ tag, image }) => (
            <tr key={tag} data-selected={tag === shown}>
              <td>
                <button
                  type="button"
                  className="as-link mono"
                  aria-pressed={tag === shown}
                  onClick={() => onShow(tag)}
                >
                  {tag}
                </button>
              </td>
              <td className="wide-only">
                <code className="dim">{image.digest.slice(0, 19)}</code>
              </td>
              <td className="number">{formatBytes(image.sizeBytes)}</td>
              <td className="dim wide-only">{formatTime(image.createdAt)}</td>
              <td className="row-actions">
                {mayRemove && (
                  <Button
                    kind="quiet"
                    className="small"
                    aria-label={`Delete the tag ${tag}`}
                    onClick={() => setRemoving(tag)}
                  >
                    Delete
                  </Button>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {removing !== undefined && (
        <RemoveTag
          name={name}
          tag={removing}
          isLast={tags.length === 1}
          onClose={() => setRemoving(undefined)}
        />
      )}
    </section>
  );
}

interface RemoveProps {
  name: string;
  tag: string;
  isLast: boolean;
  onClose: () => void;
}

function RemoveTag({ name, tag, isLast, onClose }: RemoveProps) {
  const { clients } = useConsole();
  const remove = async (): Promise<void> => {
    await clients.admin.removeImage(nameOfTag(name, tag));
    if (isLast) navigate('/images');
  };
  return (
    <Confirm title={`Delete ${name}:${tag}?`} deed="Delete" act={remove} onClose={onClose}>
      <p>
        {isLast
          ? `It is the last tag of ${name}: nothing can start from the image any more.`
          : 'Nothing can start from this tag any more; other tags stay.'}{' '}
        Sandboxes that run, and snapshots of them, are not touched.
      </p>
    </Confirm>
  );
}
