import { expect, test } from 'vitest';
import { describeLayers } from './image-layers.ts';

const layerSizes = () => [
  { digest: 'sha256:a', sizeBytes: 10 },
  { digest: 'sha256:b', sizeBytes: 20 },
];
const stepsOf = (config: string | undefined) =>
  describeLayers({ layerSizes, config: () => config }, 'sha256:m').map(({ createdBy }) => createdBy);

test('a layer names its step; steps without a layer count for none', () => {
  const history = [
    { created_by: 'ADD rootfs.tar /' },
    { created_by: 'ENV A=1', empty_layer: true },
    { created_by: 'RUN make' },
  ];
  expect(stepsOf(JSON.stringify({ history }))).toEqual(['ADD rootfs.tar /', 'RUN make']);
});

test('a history of other layers than there are names none', () => {
  expect(stepsOf(JSON.stringify({ history: [{ created_by: 'RUN make' }] }))).toEqual([undefined, undefined]);
  expect(stepsOf(JSON.stringify({ history: 'nonsense' }))).toEqual([undefined, undefined]);
  expect(stepsOf(undefined)).toEqual([undefined, undefined]);
});
