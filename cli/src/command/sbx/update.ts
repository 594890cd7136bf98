import type { NetworkConfig } from '@atoll/sdk';
import { command } from '../../command.ts';
import { UsageError } from '../../failure.ts';
import { ruleOptions, toNetworkRules } from '../../option/network.ts';
import { sandbox } from '../../option/sandbox.ts';
import { onCrashOption } from '../../option/on-crash.ts';
import { flag } from '../../parameter.ts';

export const update = command({
  name: 'update',
  summary: 'change what a sandbox may reach, ending what is denied now, and what becomes of it when it dies',
  examples: ['sbx update my-env -A pypi.org -A "*.pythonhosted.org"', 'sbx update my-env --clear-network'],
  args: { sandbox },
  options: {
    ...ruleOptions,
    clearNetwork: flag('--clear-network', 'remove every rule'),
    onCrash: onCrashOption,
  },
  failure: 'update sandbox',
  run: async ({ args, options, context }) => {
    const rules = toNetworkRules(options);
    const { onCrash } = options;
    const network = chosen(rules, options.clearNetwork);
    if (network === undefined && onCrash === undefined)
      throw new UsageError('nothing to change', 'Give -N, -A, -D, --clear-network or --on-crash.');
    const change = { ...(network !== undefined && { network }), ...(onCrash !== undefined && { onCrash }) };
    const info = await context.sandboxes.update(args.sandbox, change, { signal: context.signal });
    await context.output.result(info, () => info.sandboxId);
  },
});

function chosen(rules: Partial<NetworkConfig>, clear: boolean): Partial<NetworkConfig> | null | undefined {
  const isGiven = Object.keys(rules).length > 0;
  if (clear && isGiven) throw new UsageError('--clear-network removes every rule; give it alone');
  if (clear) return null;
  return isGiven ? rules : undefined;
}
