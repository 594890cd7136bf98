/** The pages that the navigation names, in its order. */
export const places = [{ name: 'Sandboxes', path: '/', key: 's' }] as const;
