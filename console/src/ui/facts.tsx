import type { ReactNode } from 'react';

/** A panel of terms and what they are. */
export const Facts = ({ title, children }: { title: string; children: ReactNode }) => (
  <section className="panel" aria-label={title}>
    <h3>{title}</h3>
    <dl className="facts">{children}</dl>
  </section>
);

/** One line; without a value there is none. */
export function Fact({ term, children }: { term: string; children: ReactNode }) {
  const isEmpty =
    children === undefined ||
    children === false ||
    children === '' ||
    (Array.isArray(children) && children.length === 0);
  if (isEmpty) return null;
  return (
    <div>
      <dt>{term}</dt>
      <dd>{children}</dd>
    </div>
  );
}
