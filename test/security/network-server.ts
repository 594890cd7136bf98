/** A server's network in a process of its own, to be killed: arguments are instance, run folder, open and shut slot. */
import { createLog } from '../../server/src/lib/log.ts';
import { openPolicy } from '../../server/src/network/egress-policy.ts';
import { createLinuxNetwork } from '../../server/src/network/linux.ts';

const [instanceId = '', runDir = '', openSlot = '', shutSlot = ''] = process.argv.slice(2);
const network = await createLinuxNetwork({ instanceId, runDir, log: createLog('silent') });
const signal = AbortSignal.timeout(20_000);
const endpoints = [await network.attach(openSlot, signal), await network.attach(shutSlot, signal)];
await network.setPolicy(shutSlot, { ...openPolicy, generation: 1, internet: false });
process.stdout.write(`${JSON.stringify(endpoints)}\nready\n`);
process.stdin.resume();
