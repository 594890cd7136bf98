import type { ImageDetail } from '@atoll/sdk';
import { formatBytes } from '../../ui/format.ts';

type Layer = NonNullable<ImageDetail['layers']>[number];

/** What an image is stacked of: each layer with the step that made it and its part of the size. */
export function Layers({ layers }: { layers: readonly Layer[] }) {
  const largest = Math.max(1, ...layers.map(({ sizeBytes }) => sizeBytes));
  return (
    <section aria-label="Layers" className="part">
      <h3>Layers, from the lowest up</h3>
      <ol className="layers">
        {layers.map(({ digest, sizeBytes, createdBy }, index) => (
          // Two layers of one image may be the same.
          <li key={`${index}:${digest}`} title={digest}>
            <code>{createdBy ?? `${digest.slice(0, 19)}…`}</code>
            <meter min={0} max={largest} value={sizeBytes} aria-label={`Size of layer ${index + 1}`} />
            <span className="number">{formatBytes(sizeBytes)}</span>
          </li>
        ))}
      </ol>
    </section>
  );
}
