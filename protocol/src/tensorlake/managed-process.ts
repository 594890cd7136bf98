/** Supervision of a process (wire 2.2): a name, restarts, health checks. */
import { z } from 'zod';

export const restartPolicy = z.object({
  policy: z.enum(['never', 'on_failure', 'always']).optional(),
  /** Absent: no limit. */
  max_restarts: z.number().int().min(0).optional(),
  initial_backoff_ms: z.number().optional(),
  max_backoff_ms: z.number().optional(),
});

export const healthCheck = z.object({
  type: z.enum(['http', 'tcp']),
  port: z.number().int().min(1).max(65_535),
  path: z.string().optional(),
  initial_delay_ms: z.number().optional(),
  interval_ms: z.number().optional(),
  timeout_ms: z.number().optional(),
  failure_threshold: z.number().int().optional(),
});

/** Any of these makes a process a managed one. */
export const supervision = z.object({
  /** Stands for the process in paths; not only digits, no `/`. */
  name: z.string().optional(),
  restart: restartPolicy.optional(),
  health_check: healthCheck.optional(),
});

export const managedProcess = z.object({
  id: z.string(),
  name: z.string().optional(),
  status: z.enum(['starting', 'running', 'backing_off', 'stopped']),
  restart_count: z.number(),
  restart: restartPolicy,
  health_check: healthCheck.optional(),
  health_status: z.enum(['disabled', 'starting', 'healthy', 'unhealthy']),
  consecutive_health_failures: z.number(),
  last_exit: z
    .object({
      exit_code: z.number().nullable(),
      signal: z.number().nullable(),
      oom_killed: z.boolean(),
      ended_at: z.number(),
    })
    .optional(),
  last_error: z.string().optional(),
  next_restart_at: z.number().optional(),
});
export type ManagedProcess = z.output<typeof managedProcess>;
