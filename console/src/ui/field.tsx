import type { ReactNode } from 'react';

interface Props {
  label: string;
  note?: ReactNode;
  children: ReactNode;
}

/** A labelled control. */
export const Field = ({ label, note, children }: Props) => (
  <label className="field">
    <span className="field-label">{label}</span>
    {children}
    {note !== undefined && <span className="field-note">{note}</span>}
  </label>
);
