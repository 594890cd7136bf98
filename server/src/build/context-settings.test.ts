import { expect, test } from 'vitest';
import { parseArguments, parseDockerConfig } from './context-settings.ts';

test('build arguments are lines KEY=VALUE', () => {
  expect(parseArguments('# a comment\nA=1\r\nexport B="two words"\n\nnot a setting\nC=x=y')).toEqual({
    A: '1',
    B: 'two words',
    C: 'x=y',
  });
});

test('a broken docker configuration is refused without being quoted', () => {
  expect(() => parseDockerConfig('{"auths": "hunter2"')).toThrow(
    expect.objectContaining({ message: expect.not.stringContaining('hunter2') as string }),
  );
});
