import { useState } from 'react';
import type { PendingImageShare } from '@atoll/sdk';
import { useConsole } from '../../live/console-context.ts';
import { navigate } from '../../router.tsx';
import { Button } from '../../ui/button.tsx';
import { Confirm } from '../../ui/confirm.tsx';
import { ErrorNote } from '../../ui/error-note.tsx';
import { formatDuration } from '../../ui/format.ts';
import { useAction } from '../../ui/use-action.ts';
import { useLoad } from '../../ui/use-load.ts';
import { useNow } from '../../ui/use-now.ts';
import { imagePath } from './repository.ts';

/** Offers of images that wait for an answer: of this workspace, or of others. */
export function PendingShares() {
  const { clients } = useConsole();
  const { value, error, reload } = useLoad('pending', async (signal) => {
    const { imageShares } = clients.admin;
    const [incoming, outgoing] = await Promise.all([
      imageShares.pending('incoming', { signal }),
      imageShares.pending('outgoing', { signal }),
    ]);
    return { incoming, outgoing };
  });
  if (error !== undefined) return <ErrorNote error={error} what="Pending shares cannot be read" />;
  if (value === undefined || value.incoming.length + value.outgoing.length === 0) return null;
  return (
    <section className="offers" aria-label="Pending shares">
      {value.incoming.map((offer) => (
        <Incoming key={offer.id} offer={offer} onAnswered={reload} />
      ))}
      {value.outgoing.map((offer) => (
        <Outgoing key={offer.id} offer={offer} onTaken={reload} />
      ))}
    </section>
  );
}

const useTimeLeft = (expiresAt: number): string => {
  const leftMs = expiresAt - useNow();
  return leftMs <= 0 ? 'expired' : `expires in ${formatDuration(leftMs)}`;
};

function Incoming({ offer, onAnswered }: { offer: PendingImageShare; onAnswered: () => void }) {
  const { clients, isAdmin } = useConsole();
  const { id, repository, sourceWorkspace, sharedBy, expiresAt, hasConflict = false } = offer;
  const [isReplacing, setReplacing] = useState(false);
  const left = useTimeLeft(expiresAt);
  const accept = async (force: boolean): Promise<void> => {
    const name = await clients.admin.imageShares.accept(id, { force });
    onAnswered();
    navigate(imagePath(name));
  };
  const accepting = useAction(() => accept(false));
  const declining = useAction(async () => {
    await clients.admin.imageShares.decline(id);
    onAnswered();
  });
  const failure = accepting.error ?? declining.error;
  return (
    <article className="panel offer" aria-label={`Offer of ${repository}`}>
      <div>
        <strong>{sourceWorkspace}</strong> offers the image <code>{repository}</code>
        <p className="dim">
          Offered by {sharedBy} · {left}
          {hasConflict && ` · this workspace has an image ${repository} of its own`}
        </p>
      </div>
      {isAdmin ? (
        <div className="row">
          <Button busy={declining.busy} onClick={() => void declining.run()}>
            Decline
          </Button>
          <Button
            kind="primary"
            busy={accepting.busy}
            onClick={() => (hasConflict ? setReplacing(true) : void accepting.run())}
          >
            Accept
          </Button>
        </div>
      ) : (
        <span className="dim">An admin answers.</span>
      )}
      {failure !== undefined && (
        <div className="failure">
          <ErrorNote error={failure} />
        </div>
      )}
      {isReplacing && (
        <Confirm
          title={`Use the ${repository} of ${sourceWorkspace}?`}
          deed="Accept and replace"
          act={() => accept(true)}
          onClose={() => setReplacing(false)}
        >
          <p>
            This workspace has an image <code>{repository}</code> of its own. As long as the share lasts, the
            name means the image of {sourceWorkspace}; afterwards it means your own again.
          </p>
        </Confirm>
      )}
    </article>
  );
}

function Outgoing({ offer, onTaken }: { offer: PendingImageShare; onTaken: () => void }) {
  const { clients, isAdmin } = useConsole();
  const { repository, targetWorkspace, targetAccountId, expiresAt } = offer;
  const left = useTimeLeft(expiresAt);
  const takeBack = useAction(async () => {
    await clients.admin.imageShares.unshare(repository, targetWorkspace);
    onTaken();
  });
  return (
    <article className="panel offer" aria-label={`Offer of ${repository} to ${targetWorkspace}`}>
      <div>
        <code>{repository}</code> is offered to <strong>{targetWorkspace}</strong>
        <p className="dim">
          Account {targetAccountId} · no answer yet · {left}
        </p>
      </div>
      {isAdmin && (
        <Button busy={takeBack.busy} onClick={() => void takeBack.run()}>
          Take back
        </Button>
      )}
      {takeBack.error !== undefined && (
        <div className="failure">
          <ErrorNote error={takeBack.error} />
        </div>
      )}
    </article>
  );
}
