import { formatDuration } from '../ui/format.ts';
import { useNow } from '../ui/use-now.ts';
import { useWorkspace } from './console-context.ts';

/** Says when what is shown may be old. */
export function LinkNote() {
  const { link } = useWorkspace();
  const now = useNow();
  if (link.kind !== 'broken') return null;
  return (
    <p className="link-note" role="status">
      The server has not answered for {formatDuration(Math.max(0, now - link.since))}; this page shows what
      was before. It goes on by itself.
    </p>
  );
}
