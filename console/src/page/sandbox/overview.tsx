import type { SandboxInfo } from '@atoll/sdk';
import { Link } from '../../router.tsx';
import { CopyCommand } from '../../ui/copy-command.tsx';
import { Fact, Facts } from '../../ui/facts.tsx';
import { formatDuration, formatMb, formatTime } from '../../ui/format.ts';
import { useNow } from '../../ui/use-now.ts';
import { Creation } from './creation.tsx';
import { UsagePanel } from './usage/usage-panel.tsx';
import { reachOf } from './network/reach.ts';

/** What a sandbox is, how it came to be, and how to reach it. */
export function Overview({ sandbox }: { sandbox: SandboxInfo }) {
  const { sandboxId, name, status, network } = sandbox;
  return (
    <div className="overview">
      <Ending sandbox={sandbox} />
      {status === 'running' && <UsagePanel sandbox={sandbox} />}
      <div className="panels wide">
        <Facts title="What it is">
          <Fact term="Id">
            <code>{sandboxId}</code>
          </Fact>
          <Fact term="Image">{sandbox.image}</Fact>
          <Fact term="Size">
            {sandbox.resources.cpus} CPU · {formatMb(sandbox.resources.memoryMb)} memory ·{' '}
            {formatMb(sandbox.resources.diskMb)} disk
          </Fact>
          <Fact term="Secrets">{sandbox.secretNames.join(', ')}</Fact>
          <Fact term="Volumes">
            {sandbox.fileSystems.map(({ mountPath, readOnly }) => (
              <div key={mountPath}>
                <code>{mountPath}</code> {readOnly === true && 'read only'}
              </div>
            ))}
          </Fact>
        </Facts>
        <Life sandbox={sandbox} />
        <Creation sandbox={sandbox} />
        <Facts title="Network">
          <Fact term="Internet">{reachOf(network)}</Fact>
          <Fact term="Only to">{network?.allowOut.join(', ')}</Fact>
          <Fact term="Never to">{network?.denyOut.join(', ')}</Fact>
          <Fact term="Open ports">{sandbox.exposedPorts.join(', ')}</Fact>
        </Facts>
      </div>
      {status !== 'terminated' && (
        <section aria-label="On a command line">
          <h3>On a command line</h3>
          <CopyCommand command={`atoll sbx ssh ${name ?? sandboxId}`} />
        </section>
      )}
    </div>
  );
}

function Life({ sandbox }: { sandbox: SandboxInfo }) {
  const { createdAt, timeoutSecs, name, originSandboxId, originSnapshotId } = sandbox;
  const now = useNow();
  const ending = name === undefined ? 'ends' : 'suspends';
  return (
    <Facts title="Its life">
      <Fact term="Created">
        {createdAt &&
          `${formatTime(createdAt)}, ${formatDuration(Math.max(0, now - createdAt.getTime()))} ago`}
      </Fact>
      <Fact term="When idle">
        {timeoutSecs ? `${ending} after ${formatDuration(timeoutSecs * 1000)}` : 'goes on'}
      </Fact>
      <Fact term="After a crash">{sandbox.onCrash === 'restore' ? 'goes on from its memory' : 'ends'}</Fact>
      <Fact term="Copy of">
        {originSandboxId && <Link to={`/sandbox/${originSandboxId}`}>{originSandboxId}</Link>}
      </Fact>
      <Fact term="From snapshot">{originSnapshotId && <code>{originSnapshotId}</code>}</Fact>
      <Fact term="Pool">{sandbox.poolId && <code>{sandbox.poolId}</code>}</Fact>
    </Facts>
  );
}

/** How it ended, where it has. */
function Ending({
  sandbox: { status, terminatedAt, terminationReason, errorDetails },
}: {
  sandbox: SandboxInfo;
}) {
  if (status !== 'terminated') return null;
  return (
    <div className="note">
      <p>
        It ended{terminatedAt && ` ${formatTime(terminatedAt)}`}
        {terminationReason !== undefined && `: ${terminationReason}`}.
      </p>
      {errorDetails && <p className="dim">{errorDetails.message}</p>}
    </div>
  );
}
