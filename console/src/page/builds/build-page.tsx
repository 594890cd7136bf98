import { useConsole, useWorkspace } from '../../live/console-context.ts';
import { Link, navigate } from '../../router.tsx';
import { Button } from '../../ui/button.tsx';
import { CopyCommand } from '../../ui/copy-command.tsx';
import { Empty } from '../../ui/empty.tsx';
import { ErrorNote } from '../../ui/error-note.tsx';
import { formatBytes, formatElapsed, formatTime } from '../../ui/format.ts';
import { Status } from '../../ui/status.tsx';
import { useAction } from '../../ui/use-action.ts';
import { useLoad } from '../../ui/use-load.ts';
import type { Build } from '@atoll/sdk';
import { splitName, imagePath } from '../images/repository.ts';
import { StepList } from './step-list.tsx';
import { useBuildLog } from './use-build-log.ts';

/** One build as it goes on, and what came of it. */
export default function BuildPage({ id }: { id: string }) {
  const { clients } = useConsole();
  const { builds, loaded } = useWorkspace();
  const listed = builds.get(id);
  // A build that the list has no longer is asked for.
  const asked = useLoad(`${id}:${loaded && listed === undefined}`, async (signal) =>
    loaded && listed === undefined ? clients.builds.get(id, { signal }) : undefined,
  );
  const build = listed ?? asked.value;
  if (build !== undefined) return <Shown build={build} />;
  if (asked.error === undefined) return <p className="dim pad">Loading…</p>;
  return (
    <Empty title={`No build ${id}`}>
      <ErrorNote error={asked.error} />
      <p>
        Go to <Link to="/builds">the builds</Link>.
      </p>
    </Empty>
  );
}

const isOver = ({ status }: Build): boolean =>
  status === 'succeeded' || status === 'failed' || status === 'cancelled';

function Shown({ build }: { build: Build }) {
  const { clients, mayChange } = useConsole();
  const { log, error } = useBuildLog(build.id);
  const cancel = useAction(() => clients.builds.cancel(build.id));
  return (
    <section className="page">
      <header className="page-head">
        <div className="title">
          <h1>{build.name ?? <code>{build.id}</code>}</h1>
          <Status of={build.status} />
        </div>
        {mayChange && !isOver(build) && (
          <Button kind="danger" busy={cancel.busy} onClick={() => void cancel.run()}>
            Cancel
          </Button>
        )}
      </header>
      <div className="overview">
        <p className="dim">
          <code>{build.id}</code> · {formatTime(build.createdAt)}
          {build.startedAt !== undefined &&
            build.endedAt !== undefined &&
            ` · took ${formatElapsed(build.endedAt - build.startedAt)}`}
        </p>
        {cancel.error !== undefined && <ErrorNote error={cancel.error} />}
        <Outcome build={build} />
        {error !== undefined && <ErrorNote error={error} what="The log broke off" />}
        {log.steps.length > 0 && <StepList steps={log.steps} />}
        {log.warnings.length > 0 && (
          <section aria-label="Warnings" className="part">
            <h3>Warnings</h3>
            <ul className="plain-list">
              {log.warnings.map(({ rule, message, file, line }) => (
                <li key={`${rule}:${file}:${line}:${message}`}>
                  {message}{' '}
                  <span className="dim">
                    {file}:{line} · {rule}
                  </span>
                </li>
              ))}
            </ul>
          </section>
        )}
        {build.dockerfile !== undefined && (
          <section aria-label="Dockerfile" className="part">
            <h3>Dockerfile</h3>
            <CopyCommand command={build.dockerfile.trimEnd()} label="Copy the Dockerfile" />
          </section>
        )}
      </div>
    </section>
  );
}

/** What a build made, or why it made nothing. */
function Outcome({ build: { id, result, failure, status } }: { build: Build }) {
  if (status === 'waiting') return <p className="note">It waits for its files to arrive.</p>;
  if (status === 'queued') return <p className="note">Other builds go first.</p>;
  if (result !== undefined)
    return (
      <div className="note">
        Made{' '}
        {result.name === undefined ? (
          <code>{result.imageId}</code>
        ) : (
          <Link to={imagePath(splitName(result.name).repository)}>{result.name}</Link>
        )}
        : {formatBytes(result.sizeBytes)} in {result.layerCount} layers.
      </div>
    );
  if (failure !== undefined) return <Failure id={id} failure={failure} />;
  return null;
}

function Failure({ id, failure }: { id: string; failure: NonNullable<Build['failure']> }) {
  const { clients, mayChange } = useConsole();
  const debug = useAction(async () => {
    const { sandboxId } = await clients.builds.debug(id);
    navigate(`/sandbox/${sandboxId}/terminal`);
  });
  return (
    <div className="error-note" role="alert">
      <strong>{failure.step ?? 'The build failed'}</strong>
      <p>{failure.message}</p>
      {failure.hint !== undefined && <p className="dim">{failure.hint}</p>}
      {mayChange && failure.canDebug && (
        <div className="row">
          <Button busy={debug.busy} onClick={() => void debug.run()}>
            {debug.busy ? 'Starting a sandbox…' : 'Open a shell in the failed step'}
          </Button>
          <span className="dim">A sandbox as it was before that step.</span>
        </div>
      )}
      {debug.error !== undefined && <ErrorNote error={debug.error} />}
    </div>
  );
}
