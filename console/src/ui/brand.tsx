/** The mark: a ring of land around calm water. */
export const Brand = () => (
  <span className="brand">
    <svg viewBox="0 0 32 32" width="22" height="22" aria-hidden="true">
      <g fill="none" stroke="currentColor" strokeLinecap="round">
        <path d="M16 4a12 12 0 1 1-9.600 4.800" strokeWidth="4" />
        <circle cx="16" cy="16" r="4.500" strokeWidth="3" />
      </g>
    </svg>
    Atoll
  </span>
);
