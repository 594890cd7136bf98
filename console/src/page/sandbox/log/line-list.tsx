import { useEffect, useRef } from 'react';
import type { ReactNode } from 'react';
import type { Line } from './use-lines.ts';

interface Props {
  lines: readonly Line[];
  /** What stands there while there are none. */
  children: ReactNode;
}

/** Lines of a log; the latest is in sight. */
export function LineList({ lines, children }: Props) {
  const place = useRef<HTMLPreElement>(null);
  useEffect(() => {
    place.current?.scrollTo({ top: place.current.scrollHeight });
  }, [lines]);
  return (
    <pre ref={place} tabIndex={0}>
      {lines.length === 0 && <span className="dim">{children}</span>}
      {lines.map(({ text, isError, isRemark }, at) => (
        <div key={at} className={isRemark ? 'remark' : isError ? 'stderr' : undefined}>
          {text}
        </div>
      ))}
    </pre>
  );
}
