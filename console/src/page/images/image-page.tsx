import { useState } from 'react';
import type { ReactNode } from 'react';
import type { ImageDetail } from '@atoll/sdk';
import { useConsole, useWorkspace } from '../../live/console-context.ts';
import { Link } from '../../router.tsx';
import { Button } from '../../ui/button.tsx';
import { CopyCommand } from '../../ui/copy-command.tsx';
import { Empty } from '../../ui/empty.tsx';
import { ErrorNote } from '../../ui/error-note.tsx';
import { Fact, Facts } from '../../ui/facts.tsx';
import { formatBytes, formatMb, formatTime } from '../../ui/format.ts';
import { useLoad } from '../../ui/use-load.ts';
import { BuildHistory } from './build-history.tsx';
import { Layers } from './layers.tsx';
import { nameOfTag, toRepositories } from './repository.ts';
import type { Repository } from './repository.ts';
import { ShareDialog } from './share-dialog.tsx';
import { Shares } from './shares.tsx';
import { SourceBadge } from './source-badge.tsx';
import { Tags } from './tags.tsx';
import { UsedBy } from './used-by.tsx';

/** One image with all its tags: what it is, how it was made, who has it and who uses it. */
export default function ImagePage({ name }: { name: string }) {
  const { images, loaded } = useWorkspace();
  const repository = toRepositories(images.values()).find((one) => one.name === name);
  if (repository !== undefined) return <Shown repository={repository} />;
  if (!loaded) return <p className="dim pad">Loading…</p>;
  return (
    <Empty title={`No image ${name}`}>
      <p>
        Go to <Link to="/images">the images</Link>.
      </p>
    </Empty>
  );
}

function Shown({ repository }: { repository: Repository }) {
  const { isAdmin } = useConsole();
  const { name, source, isPublic, tags } = repository;
  const [chosen, setChosen] = useState<string>();
  const [sharing, setSharing] = useState(false);
  const [sharedTimes, setSharedTimes] = useState(0);
  const shown = tags.find(({ tag }) => tag === chosen) ?? tags[0];
  const mayShare = isAdmin && source === 'own';
  return (
    <section className="page">
      <header className="page-head">
        <div className="title">
          <h1>{name}</h1>
          <SourceBadge source={source} isPublic={isPublic} />
        </div>
        {mayShare && <Button onClick={() => setSharing(true)}>Share</Button>}
      </header>
      <div className="overview">
        <Tags repository={repository} shown={shown?.tag ?? ''} onShow={setChosen} />
        {mayShare && <Shares key={sharedTimes} name={name} />}
        {typeof source === 'object' && <Received name={name} from={source.sharedFrom} />}
        {shown !== undefined && (
          <Details key={shown.image.id} name={nameOfTag(name, shown.tag)} digest={shown.image.digest} />
        )}
        <UsedBy repository={repository} />
        <BuildHistory repository={repository} />
      </div>
      {sharing && (
        <ShareDialog
          name={name}
          onClose={() => setSharing(false)}
          onShared={() => setSharedTimes((was) => was + 1)}
        />
      )}
    </section>
  );
}

const Received = ({ name, from }: { name: string; from: string }) => {
  const { identity } = useConsole();
  return (
    <Panel title="Shared with this workspace">
      <p>
        It belongs to <strong>{from}</strong>: its tags are that workspace's, as they are at any moment. To do
        without it, an admin ends the share:
      </p>
      <CopyCommand command={`atoll image unshare ${name} ${identity.workspace.name}`} />
    </Panel>
  );
};

/** What the tag that is looked at holds. */
function Details({ name, digest }: { name: string; digest: string }) {
  const { clients } = useConsole();
  const { value, error } = useLoad(`${name}@${digest}`, (signal) =>
    clients.admin.describeImage(name, { signal }),
  );
  if (error !== undefined) return <ErrorNote error={error} what={`${name} cannot be read`} />;
  if (value === undefined) return <p className="dim">Loading…</p>;
  return (
    <>
      <div className="panels">
        <What image={value} />
        <Starts image={value} />
      </div>
      <Panel title="Start a sandbox of it">
        <CopyCommand command={`atoll sbx create --image ${name}`} />
      </Panel>
      {value.layers !== undefined && <Layers layers={value.layers} />}
      {value.dockerfile !== undefined && (
        <Panel title="Dockerfile">
          <CopyCommand command={value.dockerfile.trimEnd()} label="Copy the Dockerfile" />
        </Panel>
      )}
    </>
  );
}

const What = ({ image }: { image: ImageDetail }) => (
  <Facts title="What it is">
    <Fact term="Digest">
      <code>{image.digest}</code>
    </Fact>
    <Fact term="Size">
      {formatBytes(image.sizeBytes)}
      {image.uniqueBytes !== undefined && `, ${formatBytes(image.uniqueBytes)} of it no other image has`}
    </Fact>
    <Fact term="Unpacked">{image.unpackedBytes ? formatBytes(image.unpackedBytes) : 'at its first use'}</Fact>
    <Fact term="Built on">{image.baseImage ?? image.base}</Fact>
    <Fact term="Stands in for">
      {image.substitution && `${image.substitution.substitutedFor}: ${image.substitution.reason}`}
    </Fact>
    <Fact term="Created">{formatTime(image.createdAt)}</Fact>
    <Fact term="Build">{image.buildId && <Link to={`/builds/${image.buildId}`}>{image.buildId}</Link>}</Fact>
    <Fact term="Snapshot">{image.snapshotId && <code>{image.snapshotId}</code>}</Fact>
  </Facts>
);

const Starts = ({ image }: { image: ImageDetail }) => (
  <Facts title="How its sandboxes start">
    <Fact term="User">{image.user}</Fact>
    <Fact term="Folder">
      <code>{image.workingDir}</code>
    </Fact>
    <Fact term="Entrypoint">{image.entrypoint.length > 0 && <code>{image.entrypoint.join(' ')}</code>}</Fact>
    <Fact term="Command">{image.cmd.length > 0 && <code>{image.cmd.join(' ')}</code>}</Fact>
    <Fact term="Disk">{image.diskMb !== undefined && formatMb(image.diskMb)}</Fact>
    <Fact term="Environment">
      {Object.entries(image.env).map(([name, value]) => (
        <div key={name}>
          <code>
            {name}={value}
          </code>
        </div>
      ))}
    </Fact>
    <Fact term="Labels">
      {Object.entries(image.labels).map(([name, value]) => (
        <div key={name}>
          <code>
            {name}={value}
          </code>
        </div>
      ))}
    </Fact>
  </Facts>
);

const Panel = ({ title, children }: { title: string; children: ReactNode }) => (
  <section aria-label={title} className="part">
    <h3>{title}</h3>
    {children}
  </section>
);
