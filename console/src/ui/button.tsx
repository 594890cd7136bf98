import type { ButtonHTMLAttributes } from 'react';

interface Props extends ButtonHTMLAttributes<HTMLButtonElement> {
  kind?: 'primary' | 'plain' | 'danger' | 'quiet';
  /** What it does is being done. */
  busy?: boolean;
}

/** A button; a busy one says so and cannot be pressed again. */
export const Button = ({ kind = 'plain', busy = false, type = 'button', className = '', ...rest }: Props) => (
  <button
    {...rest}
    type={type}
    className={`button ${kind} ${className}`}
    aria-busy={busy}
    disabled={busy || rest.disabled}
  />
);
