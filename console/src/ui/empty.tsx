import type { ReactNode } from 'react';
import { CopyCommand } from './copy-command.tsx';

/** A page with nothing on it says what to do next. */
export const Empty = ({
  title,
  command,
  children,
}: {
  title: string;
  command?: string;
  children?: ReactNode;
}) => (
  <div className="empty">
    <h2>{title}</h2>
    {children}
    {command !== undefined && <CopyCommand command={command} />}
  </div>
);
