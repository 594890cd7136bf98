import type { RequestTrace } from '@atoll/sdk';

/** Collects where the time of requests goes, for people. */
export function createTiming() {
  const traces: RequestTrace[] = [];
  return {
    onRequest: (trace: RequestTrace): void => void traces.push(trace),
    /** A line for each request, and one for each part of it that the server told of. */
    report: (): string => traces.flatMap(linesOf).join('\n'),
  };
}

function linesOf({ method, url, durationMs, stages = [] }: RequestTrace): string[] {
  const parts = stages.filter(({ name }) => name !== 'total');
  const inServer = stages.find(({ name }) => name === 'total')?.ms ?? 0;
  const known = parts.reduce((sum, { ms }) => sum + ms, 0);
  const rows = [
    ...parts,
    { name: 'rest of the server', ms: Math.max(0, inServer - known) },
    { name: 'between', ms: Math.max(0, durationMs - inServer) },
  ];
  return [
    `${method} ${new URL(url).pathname}  ${durationMs.toFixed(1)} ms`,
    ...rows.map(({ name, ms }) => `  ${name.padEnd(20)} ${ms.toFixed(1).padStart(8)} ms`),
  ];
}
