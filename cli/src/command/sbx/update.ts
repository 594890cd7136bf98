import type { NetworkConfig } from '@atoll/sdk';
import { command } from '../../command.ts';
import { UsageError } from '../../failure.ts';
import { ruleOptions, toNetworkRules } from '../../option/network.ts';
import { sandbox } from '../../option/sandbox.ts';
import { flag } from '../../parameter.ts';

export const update = command({
  name: 'update',
  summary: 'replace what a sandbox may reach; connections that are denied now end',
  examples: ['sbx update my-env -A pypi.org -A "*.pythonhosted.org"', 'sbx update my-env --clear-network'],
  args: { sandbox },
  options: { ...ruleOptions, clearNetwork: flag('--clear-network', 'remove every rule') },
  failure: 'update sandbox',
  run: async ({ args, options, context }) => {
    const rules = toNetworkRules(options);
    const network = chosen(rules, options.clearNetwork);
    const info = await context.sandboxes.update(args.sandbox, { network }, { signal: context.signal });
    await context.output.result(info, () => info.sandboxId);
  },
});

function chosen(rules: Partial<NetworkConfig>, clear: boolean): Partial<NetworkConfig> | null {
  const isGiven = Object.keys(rules).length > 0;
  if (clear && isGiven) throw new UsageError('--clear-network removes every rule; give it alone');
  if (!clear && !isGiven) throw new UsageError('nothing to change', 'Give -N, -A, -D or --clear-network.');
  return clear ? null : rules;
}
