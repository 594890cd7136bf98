import { z } from 'zod';

/** Both path forms of the lifecycle API: namespaced on localhost, flat in cloud mode (wire 0.2.2). */
export const lifecyclePaths = (path: string) => [`/v1/namespaces/{ns}${path}`, path] as const;

export const namespaceParams = z.object({ ns: z.string().optional() });
