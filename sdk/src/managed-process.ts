import type { ManagedProcess } from '@atoll/protocol';
import { withoutUndefined } from './without-undefined.ts';

export type RestartPolicy = 'never' | 'on_failure' | 'always';

/** When a process that ended is started again. The pause doubles from failure to failure. */
export interface RestartPolicyConfig {
  /** Default `never`. */
  policy?: RestartPolicy;
  /** Default: no limit. */
  maxRestarts?: number;
  /** Default 500. */
  initialBackoffMs?: number;
  /** Default 30000. */
  maxBackoffMs?: number;
}

/** How the sandbox finds out whether a process is healthy: `http` wants a status below 400, `tcp` a connection. */
export interface ProcessHealthCheck {
  type: 'http' | 'tcp';
  port: number;
  /** Default `/`. */
  path?: string;
  /** Default 5000. */
  initialDelayMs?: number;
  /** Default 1000. */
  intervalMs?: number;
  /** Default 500. */
  timeoutMs?: number;
  /** Failures in a row that make it unhealthy. Default 3. */
  failureThreshold?: number;
}

export interface Supervision {
  /** Stands for the process in all calls that take one, whatever its pid is. */
  name?: string;
  restart?: RestartPolicyConfig;
  /** An unhealthy process is restarted where the policy restarts failed ones. */
  healthCheck?: ProcessHealthCheck;
}

/** How a managed process stands. */
export interface ManagedProcessInfo {
  /** The name, or one that the sandbox gave. */
  id: string;
  name?: string;
  status: 'starting' | 'running' | 'backing_off' | 'stopped';
  restartCount: number;
  restart: RestartPolicyConfig;
  healthCheck?: ProcessHealthCheck;
  healthStatus: 'disabled' | 'starting' | 'healthy' | 'unhealthy';
  consecutiveHealthFailures: number;
  lastExit?: { exitCode?: number; signal?: number; oomKilled: boolean; endedAt: Date };
  lastError?: string;
  nextRestartAt?: Date;
}

export const toRestartBody = (restart: RestartPolicyConfig) =>
  withoutUndefined({
    policy: restart.policy,
    max_restarts: restart.maxRestarts,
    initial_backoff_ms: restart.initialBackoffMs,
    max_backoff_ms: restart.maxBackoffMs,
  });

export const toHealthCheckBody = (check: ProcessHealthCheck) =>
  withoutUndefined({
    type: check.type,
    port: check.port,
    path: check.path,
    initial_delay_ms: check.initialDelayMs,
    interval_ms: check.intervalMs,
    timeout_ms: check.timeoutMs,
    failure_threshold: check.failureThreshold,
  });

export const toManagedProcessInfo = (wire: ManagedProcess): ManagedProcessInfo =>
  withoutUndefined({
    id: wire.id,
    name: wire.name,
    status: wire.status,
    restartCount: wire.restart_count,
    restart: toRestart(wire.restart),
    healthCheck: wire.health_check && toHealthCheck(wire.health_check),
    healthStatus: wire.health_status,
    consecutiveHealthFailures: wire.consecutive_health_failures,
    lastExit: wire.last_exit && toLastExit(wire.last_exit),
    lastError: wire.last_error,
    nextRestartAt: wire.next_restart_at === undefined ? undefined : new Date(wire.next_restart_at),
  });

const toRestart = (wire: ManagedProcess['restart']): RestartPolicyConfig =>
  withoutUndefined({
    policy: wire.policy,
    maxRestarts: wire.max_restarts,
    initialBackoffMs: wire.initial_backoff_ms,
    maxBackoffMs: wire.max_backoff_ms,
  });

const toHealthCheck = (wire: NonNullable<ManagedProcess['health_check']>): ProcessHealthCheck =>
  withoutUndefined({
    type: wire.type,
    port: wire.port,
    path: wire.path,
    initialDelayMs: wire.initial_delay_ms,
    intervalMs: wire.interval_ms,
    timeoutMs: wire.timeout_ms,
    failureThreshold: wire.failure_threshold,
  });

const toLastExit = (wire: NonNullable<ManagedProcess['last_exit']>) =>
  withoutUndefined({
    exitCode: wire.exit_code ?? undefined,
    signal: wire.signal ?? undefined,
    oomKilled: wire.oom_killed,
    endedAt: new Date(wire.ended_at),
  });
