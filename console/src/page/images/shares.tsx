import { useState } from 'react';
import type { ImageShare } from '@atoll/sdk';
import { useConsole } from '../../live/console-context.ts';
import { Button } from '../../ui/button.tsx';
import { Confirm } from '../../ui/confirm.tsx';
import { ErrorNote } from '../../ui/error-note.tsx';
import { formatTime } from '../../ui/format.ts';
import { Status } from '../../ui/status.tsx';
import { useLoad } from '../../ui/use-load.ts';

/** Which workspaces have an image, or are to; ending a share. */
export function Shares({ name }: { name: string }) {
  const { clients } = useConsole();
  const { value, error, reload } = useLoad(name, (signal) =>
    clients.admin.imageShares.list(name, { signal }),
  );
  const [ending, setEnding] = useState<ImageShare>();
  if (error !== undefined) return <ErrorNote error={error} what="Its shares cannot be read" />;
  if (value === undefined || value.length === 0) return null;
  return (
    <section aria-label="Shared with" className="part">
      <h3>Shared with</h3>
      <table className="table inset">
        <tbody>
          {value.map((share) => (
            <tr key={share.workspace}>
              <td className="main-cell">
                <strong>{share.workspace}</strong>
              </td>
              <td>
                <Status of={share.status} />
              </td>
              <td className="dim wide-only">
                <code>{share.accountId}</code>
              </td>
              <td className="dim wide-only">{formatTime(share.createdAt)}</td>
              <td className="row-actions">
                <Button
                  kind="quiet"
                  className="small"
                  aria-label={`Revoke the share with ${share.workspace}`}
                  onClick={() => setEnding(share)}
                >
                  Revoke
                </Button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {ending !== undefined && (
        <Confirm
          title={`Revoke ${name} from ${ending.workspace}?`}
          deed="Revoke"
          act={async () => {
            await clients.admin.imageShares.unshare(name, ending.workspace);
            reload();
          }}
          onClose={() => setEnding(undefined)}
        >
          <p>
            {ending.status === 'pending'
              ? 'The offer is taken back.'
              : `New sandboxes of ${ending.workspace} can no longer start from ${name}. Those that run go on.`}
          </p>
        </Confirm>
      )}
    </section>
  );
}
