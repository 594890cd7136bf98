import type { Reporter, TestCase, TestModule, TestSuite } from 'vitest/node';

/**
 * One line or two for each failure as it happens, so that a log that is cut or read from its start still says what
 * failed. At the end it names the files that took longest, and the tests that passed at their second try alone: each
 * hides a race to be mended.
 */
export class BriefReporter implements Reporter {
  onTestCaseResult(test: TestCase): void {
    if (test.result().state === 'failed') console.log(`FAILED ${describeTest(test)}`);
  }

  onTestSuiteResult(suite: TestSuite): void {
    reportOutsideTests(suite.module, suite.fullName, suite.errors());
  }

  onTestModuleEnd(module: TestModule): void {
    reportOutsideTests(module, 'the file itself', module.errors());
  }

  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly { message: string }[]): void {
    for (const error of unhandled) console.log(`FAILED outside of tests\n    ${firstLine(error)}`);
    reportSlow(modules);
    const flaky = modules.flatMap((module) =>
      [...module.children.allTests('passed')].filter((test) => test.diagnostic()?.flaky),
    );
    if (flaky.length === 0) return;
    console.log(
      ['Passed at the second try alone:', ...flaky.map((test) => `  ${describeTest(test)}`)].join('\n'),
    );
  }
}

/** Above this a file is worth a look: it may hold up the whole run. */
const SLOW_MS = 30_000;

function reportSlow(modules: readonly TestModule[]): void {
  const slow = modules
    .map((module) => ({ module, tookMs: module.diagnostic().duration }))
    .filter(({ tookMs }) => tookMs > SLOW_MS)
    .toSorted((a, b) => b.tookMs - a.tookMs)
    .slice(0, 20);
  if (slow.length === 0) return;
  const lines = slow.map(
    ({ module, tookMs }) =>
      `  ${Math.round(tookMs / 1000)} s  ${module.project.name}: ${module.relativeModuleId}`,
  );
  console.log(['Took longest:', ...lines].join('\n'));
}

/** Hooks and imports that fail belong to no test. */
function reportOutsideTests(module: TestModule, name: string, errors: readonly { message: string }[]): void {
  const [error] = errors;
  if (error) console.log(`FAILED ${describe(module, name, error)}`);
}

function describeTest(test: TestCase): string {
  return describe(test.module, test.fullName, test.result().errors?.[0]);
}

function describe(module: TestModule, name: string, error: { message: string } | undefined): string {
  return `${module.project.name}: ${module.relativeModuleId} > ${name}\n    ${firstLine(error)}`;
}

const firstLine = (error: { message: string } | undefined): string =>
  error?.message.split('\n', 1)[0] ?? 'no error recorded';
