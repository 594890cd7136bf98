/** The pages that the navigation names, in its order. */
export const places = [
  { name: 'Sandboxes', path: '/', key: 's' },
  { name: 'Images', path: '/images', key: 'i' },
  { name: 'Builds', path: '/builds', key: 'b' },
  { name: 'Pools', path: '/pools', key: 'p' },
  { name: 'Volumes', path: '/volumes', key: 'v' },
  { name: 'Secrets', path: '/secrets', key: 'e' },
  { name: 'Health', path: '/health', key: 'h' },
  { name: 'Settings', path: '/settings', key: 't' },
] as const;
