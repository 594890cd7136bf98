import { command } from '../../command.ts';
import { plural } from '../../output/format.ts';

export const rotateKey = command({
  name: 'rotate-key',
  summary: 'encrypt all secrets of the server with a new key; for its operator',
  args: {},
  options: {},
  failure: 'rotate the key of secrets',
  run: async ({ context }) => {
    const rotated = await context.admin.rotateSecretKey({ signal: context.signal });
    await context.output.result(
      rotated,
      () => `${plural(rotated.resealed, 'secret')} encrypted with key ${rotated.keyId}`,
    );
  },
});
