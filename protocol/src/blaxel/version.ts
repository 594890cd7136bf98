/** Versions of the Blaxel control plane that clients may name in `Blaxel-Version`; the first is meant where none is. */
export const blaxelVersions = ['2026-04-16', '2026-04-28', '2026-09-22'] as const;
