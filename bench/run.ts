/**
 * `make bench`: every scenario against its comparator, as ratios. `--full` takes more rounds, `--quick` the scenarios that
 * tell the most; names choose scenarios.
 */
import { parseArgs } from 'node:util';
import { closeDocker } from './docker-container.ts';
import { arrivalNames, runFirstCommands } from './first-command.ts';
import {
  keepFirstCommands,
  keepOutcome,
  openReport,
  renderFirstCommand,
  renderOutcome,
  writePages,
} from './report.ts';
import { runScenario } from './scenario.ts';
import { quickScenarios, scenarios } from './scenarios.ts';

const { values, positionals } = parseArgs({
  options: { full: { type: 'boolean', default: false }, quick: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const mode = values.full ? 'full' : 'short';
const isChosen = (name: string): boolean =>
  positionals.length === 0 || positionals.some((word) => name.includes(word));
const taken = () => ({ takenAt: new Date().toISOString(), mode }) as const;

// Each row replaces its earlier one as it comes: a run may be cut, or be of chosen scenarios.
const report = openReport();
try {
  for (const scenario of (values.quick ? quickScenarios : scenarios).filter(({ name }) => isChosen(name))) {
    process.stderr.write(`${scenario.name} …\n`);
    const outcome = { ...(await runScenario(scenario, mode)), ...taken() };
    keepOutcome(report, outcome);
    process.stderr.write(`${renderOutcome(outcome)}\n`);
  }
} finally {
  await closeDocker();
}
for (const arrival of arrivalNames.filter((name) => !values.quick && isChosen(`first-command ${name}`))) {
  process.stderr.write(`first command, ${arrival} …\n`);
  const found = { ...(await runFirstCommands(arrival, mode)), ...taken() };
  keepFirstCommands(report, found);
  process.stderr.write(`${renderFirstCommand(found)}\n`);
}
process.stdout.write(writePages(report));
