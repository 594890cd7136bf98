import type { ReactNode } from 'react';
import type { QuotaUse } from '@atoll/sdk';
import { useConsole } from '../../live/console-context.ts';
import { ErrorNote } from '../../ui/error-note.tsx';
import { Fact, Facts } from '../../ui/facts.tsx';
import { formatMb } from '../../ui/format.ts';
import { useLoad } from '../../ui/use-load.ts';

/** What this workspace uses of what it may use; the operator sets the limits. */
export function Quotas() {
  const { clients, identity } = useConsole();
  const { value, error } = useLoad('quotas', (signal) =>
    clients.admin.quotas.get(identity.workspace.id, { signal }),
  );
  if (error !== undefined) return <ErrorNote error={error} what="What is used is not known." />;
  if (value === undefined) return null;
  return (
    <Facts title="Used of what it may use">
      <Fact term="Sandboxes">{ofLimit(value.sandboxes, String)}</Fact>
      <Fact term="CPUs">{ofLimit(value.cpus, String)}</Fact>
      <Fact term="Memory">{ofLimit(value.memoryMb, formatMb)}</Fact>
      <Fact term="Disk">{ofLimit(value.diskMb, formatMb)}</Fact>
      <Fact term="Builds">{ofLimit(value.builds, String)}</Fact>
    </Facts>
  );
}

const ofLimit = ({ used, limit }: QuotaUse, format: (amount: number) => string): ReactNode => (
  <>
    {format(used)} <span className="dim">{limit === undefined ? 'no limit' : `of ${format(limit)}`}</span>
  </>
);
