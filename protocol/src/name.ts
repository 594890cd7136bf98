/** Workspaces that hold the public base and hub images: nobody can take their names, their images go by prefix. */
export const reservedWorkspaces = ['tensorlake', 'blaxel'] as const;

/** The image of a create that names none (tensorlake wire 1.4). */
export const defaultImage = 'tensorlake/ubuntu-minimal';
