/**
 * `node bench/one-side.ts SCENARIO`: our side of one scenario, for who compares commits. It says `ready`, then answers
 * each line of its input with the time of one more round, until the input ends.
 */
import { createInterface } from 'node:readline';
import { closeDocker } from './docker-container.ts';
import { scenarios } from './scenarios.ts';

const name = process.argv[2] ?? '';
const scenario = scenarios.find((each) => each.name === name);
if (scenario === undefined) throw new Error(`there is no scenario ${JSON.stringify(name)}`);
const { subject, close } = await scenario.open();
try {
  process.stdout.write('ready\n');
  for await (const _round of createInterface({ input: process.stdin }))
    process.stdout.write(`${await subject.run()}\n`);
} finally {
  await close();
  await closeDocker();
}
