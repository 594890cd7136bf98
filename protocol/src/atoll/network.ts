/** What goes through the network of a sandbox, and which closed ranges a workspace has open: the server's own API. */
import { z } from 'zod';
import { defineRoute } from '../route.ts';

const tag = 'Network';

const count = z.object({ packets: z.number(), bytes: z.number() });

export const networkReport = z.object({
  sandboxId: z.string(),
  allowInternetAccess: z.boolean(),
  allowOut: z.array(z.string()),
  denyOut: z.array(z.string()),
  /** Ranges that are closed to others and that the workspace has open. */
  openRanges: z.array(z.string()),
  /** Since the sandbox has its network; what it exchanges with the server is not counted. */
  sent: count,
  received: count,
  refused: count,
  limits: z.object({
    mbitPerSecond: z.number().optional(),
    newConnectionsPerSecond: z.number().optional(),
  }),
  /** Destinations that were refused within the last hour, the latest first, at most 1,000. */
  refusals: z.array(
    z.object({
      address: z.string(),
      protocol: z.string(),
      port: z.number().optional(),
      packets: z.number(),
      /** Epoch milliseconds, to the second. */
      lastAt: z.number(),
    }),
  ),
  /** Names that the resolver did not answer, the latest first, at most 100. */
  refusedNames: z.array(z.object({ name: z.string(), count: z.number(), lastAt: z.number() })),
});
export type NetworkReport = z.output<typeof networkReport>;

export const getSandboxNetwork = defineRoute({
  id: 'getSandboxNetwork',
  method: 'GET',
  paths: ['/v1/namespaces/{ns}/sandboxes/{id}/network', '/sandboxes/{id}/network'],
  summary: 'What went through the network of a sandbox, by which rules, and what was refused of late',
  tag,
  access: 'viewer',
  params: z.object({ ns: z.string().optional(), id: z.string() }),
  response: networkReport,
  status: 200,
  errors: ['sandbox_not_found', 'invalid_state'],
});

export const networkOpenings = z.object({ workspace: z.string(), ranges: z.array(z.string()) });
export type NetworkOpenings = z.output<typeof networkOpenings>;

const workspaceParams = z.object({ name: z.string() });

export const getNetworkOpenings = defineRoute({
  id: 'getNetworkOpenings',
  method: 'GET',
  paths: ['/v1/network-openings/{name}'],
  summary: 'The closed ranges that sandboxes of a workspace may reach (operator only)',
  tag,
  access: 'admin',
  params: workspaceParams,
  response: networkOpenings,
  status: 200,
  errors: ['not_found'],
});

export const putNetworkOpenings = defineRoute({
  id: 'putNetworkOpenings',
  method: 'PUT',
  paths: ['/v1/network-openings/{name}'],
  summary: 'Replace the closed ranges that sandboxes of a workspace may reach, at once (operator only)',
  tag,
  access: 'admin',
  params: workspaceParams,
  body: z.object({ ranges: z.array(z.string()).max(64) }),
  response: networkOpenings,
  status: 200,
  errors: ['not_found', 'invalid_network'],
});
