import { expect, test } from 'vitest';
import { emptyForm, toCommand, toOptions, toProgram } from './create-form.ts';

test('what was left alone is left to the server', () => {
  expect(toOptions(emptyForm)).toEqual({});
  expect(toCommand({})).toBe('atoll sbx create');
  expect(toProgram({})).toContain('createAndConnect();');
});

const filled = toOptions({
  ...emptyForm,
  name: 'my-env',
  image: "it's",
  cpus: '0.5',
  memoryMb: '512',
  internet: false,
  allowOut: '*.example.com, 10.0.0.1',
  secretNames: ['TOKEN'],
  exposedPorts: '8080 3000',
  fileSystems: [
    { fileSystemId: 'data', mountPath: '/mnt/data' },
    { fileSystemId: 'skills', mountPath: '/skills', readOnly: true },
  ],
});

test('what was typed becomes options', () => {
  expect(filled).toEqual({
    name: 'my-env',
    image: "it's",
    cpus: 0.5,
    memoryMb: 512,
    allowInternetAccess: false,
    allowOut: ['*.example.com', '10.0.0.1'],
    secretNames: ['TOKEN'],
    exposedPorts: [8080, 3000],
    fileSystems: [
      { fileSystemId: 'data', mountPath: '/mnt/data' },
      { fileSystemId: 'skills', mountPath: '/skills', readOnly: true },
    ],
  });
});

test('the command quotes what a shell would read otherwise', () => {
  expect(toCommand(filled)).toBe(
    "id=$(atoll sbx create my-env --image 'it'\\''s' --cpus 0.5 --memory 512 " +
      `--network-allow '*.example.com' --network-allow 10.0.0.1 --secret TOKEN ` +
      `--filesystem data:/mnt/data --filesystem skills:/skills:ro --no-internet)
atoll sbx port expose --require-key "$id" 8080 3000`,
  );
});

test('the program is one that JavaScript reads', () => {
  expect(toProgram({ name: 'x', cpus: 2 })).toContain('createAndConnect({\n  name: "x",\n  cpus: 2\n});');
});
