import type { Source } from './repository.ts';

const words = { own: undefined, base: 'base image', public: 'of another workspace' } as const;

/** Whose an image is; the workspace's own need no word. */
export function SourceBadge({ source, isPublic }: { source: Source; isPublic: boolean }) {
  const word = typeof source === 'object' ? `shared by ${source.sharedFrom}` : words[source];
  return (
    <>
      {word !== undefined && (
        <span className="badge" data-kind={typeof source === 'object' ? 'shared' : source}>
          {word}
        </span>
      )}
      {isPublic && source !== 'base' && (
        <span className="badge" data-kind="public" title="Every workspace of this server may use it">
          public
        </span>
      )}
    </>
  );
}
