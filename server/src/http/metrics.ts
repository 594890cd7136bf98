import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from '@prometheus-io/client';
import type { Sandboxes } from '../sandbox/sandboxes.ts';

export type Metrics = ReturnType<typeof createMetrics>;

/** What the server counts, in the Prometheus text format. */
export function createMetrics({ sandboxes }: { sandboxes: Sandboxes }) {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry, prefix: 'atoll_' });
  const requests = new Counter({
    name: 'atoll_requests_total',
    help: 'Control-plane requests by route and result',
    labelNames: ['route', 'result'],
    registers,
  });
  const durations = new Histogram({
    name: 'atoll_request_seconds',
    help: 'Time to answer control-plane requests by route',
    labelNames: ['route'],
    buckets: [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60],
    registers,
  });
  new Gauge({
    name: 'atoll_sandboxes',
    help: 'Living sandboxes by state',
    labelNames: ['state'],
    registers,
    collect() {
      this.reset();
      for (const { state, count } of sandboxes.countLive()) this.set({ state }, count);
    },
  });
  new Gauge({
    name: 'atoll_slots_ready',
    help: 'Slots that were made ahead of time',
    registers,
    collect() {
      this.set(sandboxes.countReady());
    },
  });
  return {
    /** Measures a request; the returned function takes its result, `ok` or an error code. */
    timeRequest: (route: string): ((result: string) => void) => {
      const stop = durations.startTimer({ route });
      return (result) => {
        stop();
        requests.inc({ route, result });
      };
    },
    render: (): Promise<string> => registry.metrics(),
    contentType: registry.contentType,
  };
}
