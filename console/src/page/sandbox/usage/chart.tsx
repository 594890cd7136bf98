import { HISTORY_MS, runsOf } from '../../../live/usage-history.ts';
import type { Point } from '../../../live/usage-history.ts';

interface Props {
  title: string;
  /** What is used now, in words. */
  value: string;
  points: readonly Point[];
  /** One line each; the second is the dashed one. */
  lines: readonly ((point: Point) => number | undefined)[];
  /** What the top stands for, unless more is used. */
  limit: number;
}

const WIDTH = 300;
const HEIGHT = 64;

/** Lines of the last minutes. The words beside them say the same to who does not see them. */
export function Chart({ title, value, points, lines, limit }: Props) {
  const end = points.at(-1)?.at ?? 0;
  const top = Math.max(limit, ...lines.flatMap((read) => points.map((point) => read(point) ?? 0)));
  const place = (point: Point, used: number | undefined): string[] => {
    if (used === undefined) return [];
    const x = WIDTH * (1 - (end - point.at) / HISTORY_MS);
    return [`${x.toFixed(1)},${(HEIGHT * (1 - used / top)).toFixed(1)}`];
  };
  const runs = runsOf(points);
  return (
    <figure className="chart">
      <figcaption>
        {title} <span className="dim">{value}</span>
      </figcaption>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
        {lines.map((read, line) =>
          runs.map((run) => (
            <polyline
              key={`${line}:${run[0]?.at}`}
              data-line={line}
              points={run.flatMap((point) => place(point, read(point))).join(' ')}
            />
          )),
        )}
      </svg>
      <p className="dim chart-ends" aria-hidden="true">
        <span>5 min ago</span>
        <span>now</span>
      </p>
    </figure>
  );
}
