/**
 * Runs a sandbox network on a host whose iptables drop by default, as Docker and ufw set them up. To be started in a
 * network namespace of its own; prints what the network found and did, as JSON. Arguments: instance, run folder.
 */
import { run } from '../../server/src/lib/run.ts';
import { createLog } from '../../server/src/lib/log.ts';
import { createLinuxNetwork } from '../../server/src/network/linux.ts';

const [instanceId = '', runDir = ''] = process.argv.slice(2);
const iptables = async (...args: string[]): Promise<string> =>
  (await run(['iptables', '-w', ...args], { timeoutMs: 10_000 })).stdout;

await iptables('-P', 'FORWARD', 'DROP');
await iptables('-P', 'INPUT', 'DROP');
await iptables('-N', 'DOCKER-USER');
await iptables('-A', 'FORWARD', '-j', 'DOCKER-USER');
const network = await createLinuxNetwork({ instanceId, runDir, log: createLog('silent') });
const rules = await iptables('-S');
const problems = await network.problems();
await iptables('-F', 'DOCKER-USER');
const problemsAfterFlush = await network.problems();
await network.close();
const rulesAfterClose = await iptables('-S');
process.stdout.write(JSON.stringify({ rules, problems, problemsAfterFlush, rulesAfterClose }));
