import type { Reporter, TestCase, TestModule } from 'vitest/node';

/** Names the tests that passed at their second try alone, and why not at once: each hides a race to be mended. */
export class SecondTryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const flaky = modules.flatMap((module) =>
      [...module.children.allTests('passed')].filter((test) => test.diagnostic()?.flaky),
    );
    if (flaky.length === 0) return;
    console.log(['\nPassed at the second try alone:', ...flaky.map(describeTest), ''].join('\n'));
  }
}

function describeTest(test: TestCase): string {
  const [error] = test.result().errors ?? [];
  const reason = error?.message.split('\n', 1)[0] ?? 'no error recorded';
  return `  ${test.module.project.name}: ${test.module.relativeModuleId} > ${test.fullName}\n    ${reason}`;
}
