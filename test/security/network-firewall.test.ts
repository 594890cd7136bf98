import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { randomId } from '../../server/src/lib/id.ts';
import { run } from '../../server/src/lib/run.ts';
import { ip } from './network-stand.ts';

const script = fileURLToPath(new URL('./network-firewall.ts', import.meta.url));
const report = z.object({
  rules: z.string(),
  problems: z.array(z.string()),
  problemsAfterFlush: z.array(z.string()),
  rulesAfterClose: z.string(),
});

test('a host whose iptables drop by default lets sandboxes through, for as long as the server runs', async () => {
  const [instanceId, netns] = [randomId(4), `firewall-${randomId(4)}`];
  const runDir = await mkdtemp(join(tmpdir(), 'atoll-firewall-'));
  await ip('netns', 'add', netns);
  onTestFinished(async () => {
    await ip('netns', 'delete', netns);
    await rm(runDir, { recursive: true });
  });
  const argv = ['ip', 'netns', 'exec', netns, process.execPath, script, instanceId, runDir];
  const { stdout } = await run(argv, { timeoutMs: 30_000 });
  const { rules, problems, problemsAfterFlush, rulesAfterClose } = report.parse(JSON.parse(stdout));
  expect(rules.match(new RegExp(`-A DOCKER-USER .*a${instanceId}\\+`, 'g'))).toHaveLength(2);
  expect(rules.match(new RegExp(`-A INPUT .*a${instanceId}\\+.*--dport 53`, 'g'))).toHaveLength(2);
  expect(problems).toEqual([]);
  expect(problemsAfterFlush).toHaveLength(2);
  expect(problemsAfterFlush[0]).toContain('iptables -I DOCKER-USER');
  expect(rulesAfterClose).not.toContain(instanceId);
});
