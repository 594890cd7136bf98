import { defineConfig } from 'tsdown';

/** The SDK as JavaScript for Node 20 and Bun, with the protocol inside; zod stays a dependency. */
export default defineConfig({
  entry: ['src/index.ts', 'src/blaxel/blaxel.ts', 'src/config.ts', 'src/desktop/desktop.ts'],
  format: 'esm',
  platform: 'neutral',
  target: 'node20',
  deps: { alwaysBundle: ['@atoll/protocol'], neverBundle: ['zod', 'smol-toml', /^node:/] },
  outDir: 'dist',
  dts: false,
  logLevel: 'warn',
});
