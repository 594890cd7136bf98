import { AdminClient, BuildClient, SandboxClient } from '@atoll/sdk';
import type { Sandbox } from '@atoll/sdk';

/** What the pictures show: paths of pages name these. */
export interface Scene {
  agent: string;
  site: string;
  desktop: string | undefined;
  image: string;
  build: string;
  pool: string;
}

export interface Connection {
  apiUrl: string;
  apiKey: string;
}

const BASE = 'tensorlake/ubuntu-minimal';

const notes = `# Findings

- The index is rebuilt every night; a partial rebuild would do.
- 14 of 2,310 documents have no author.
`;

const dockerfile = (last: string): string =>
  [
    `FROM ${BASE}`,
    'RUN mkdir -p /opt/tools && echo ready > /opt/tools/state',
    'WORKDIR /workspace',
    last,
    '',
  ].join('\n');

const worker = `import itertools, time
for page in itertools.count(1):
    print(f"page {page}: {page * 7 % 23} links, {page * 3 % 11} new", flush=True)
    time.sleep(1)
`;

/** A workspace in the middle of its work: agents, what they made, and who may see it. */
export async function makeScene(connection: Connection, withDesktop: boolean): Promise<Scene> {
  const client = new SandboxClient(connection);
  const admin = new AdminClient(connection);
  const builds = new BuildClient(connection);
  await admin.setSecrets({ OPENAI_API_KEY: 'shown to nobody', GITHUB_TOKEN: 'shown to nobody' });
  const build = await makeImages(admin, builds, connection.apiUrl);
  await client.fileSystems.create({ name: 'datasets', sizeMb: 2048, description: 'what agents read' });
  await client.fileSystems.create({ name: 'model-cache', sizeMb: 8192 });
  await client.fileSystems.snapshot('datasets');
  const { poolId } = await client.createPool({ warmContainers: 2, maxContainers: 10, memoryMb: 512 });
  const agent = await makeAgent(client);
  const site = await makeSite(client);
  await makeOthers(client);
  const desktop = withDesktop
    ? (await client.createAndConnect({ name: 'browser-agent', image: 'ubuntu-vnc', memoryMb: 2048 }))
        .sandboxId
    : undefined;
  const registry = new URL(connection.apiUrl).host;
  await admin.registryLogins.set({ registry, username: 'ci', password: connection.apiKey });
  await admin.addMember('default', { name: 'Mira', role: 'member' });
  await admin.addMember('default', { name: 'Jonas', role: 'viewer' });
  await admin.createKey({ name: 'nightly evaluation', role: 'member' });
  return {
    agent: agent.sandboxId,
    site: site.sandboxId,
    desktop,
    image: 'research-tools',
    build,
    pool: poolId,
  };
}

/** Ends whatever runs. */
export async function endScene(connection: Connection): Promise<void> {
  const client = new SandboxClient(connection);
  for (const { poolId } of await client.listPools()) await client.deletePool(poolId);
  for (const { sandboxId } of await client.list()) await client.delete(sandboxId);
}

/** Answers the id of a build that failed. */
async function makeImages(admin: AdminClient, builds: BuildClient, apiUrl: string): Promise<string> {
  const build = async (name: string, last: string): Promise<string> => {
    const { id } = await builds.create({ name, dockerfile: dockerfile(last), context: false });
    for await (const _ of builds.events(id));
    return id;
  };
  await build('research-tools', 'RUN python3 -m venv /opt/venv');
  await build('web-app', 'RUN echo 1.4.0 > version');
  await admin.tagImage('research-tools', 'research-tools:v2');
  await admin.createWorkspace('staging');
  await admin.imageShares.share('research-tools', 'staging');
  const partner = await admin.createAccount({ name: 'Partner', workspace: 'partner', ownerName: 'Pat' });
  await admin.imageShares.share('research-tools', 'partner', { accountId: partner.account.id });
  const theirs = new AdminClient({ apiUrl, apiKey: partner.apiKey });
  await theirs.tagImage(BASE, 'crawler');
  const { account, workspace } = await admin.whoami();
  await theirs.imageShares.share('crawler', workspace.name, { accountId: account.id });
  return build('web-app', 'RUN echo checking 214 files; echo "src/server.ts: missing export" >&2; exit 3');
}

/** An agent with a past: snapshots, forks, files, processes. */
async function makeAgent(client: SandboxClient): Promise<Sandbox> {
  const agent = await client.createAndConnect({
    name: 'research-agent',
    memoryMb: 1024,
    cpus: 1,
    timeoutSecs: 3600,
    secretNames: ['OPENAI_API_KEY'],
    allowOut: ['pypi.org', '*.pythonhosted.org'],
  });
  await agent.files.mkdir('/workspace/project/data');
  await agent.writeFile('/workspace/project/notes.md', Buffer.from(notes));
  await agent.writeFile('/workspace/project/crawl.py', Buffer.from(worker));
  await agent.writeFile(
    '/workspace/project/data/scores.csv',
    Buffer.from('model,score\na,0.81\nb,0.86\nc,0.79\n'),
  );
  await agent.startProcess('python3', { args: ['/workspace/project/crawl.py'] });
  await agent.run('python3', {
    args: ['-c', 'import socket; s = socket.socket(); s.settimeout(1); s.connect_ex(("203.0.113.9", 443))'],
  });
  await client.snapshotAndWait(agent.sandboxId, { snapshotType: 'filesystem' });
  const { snapshotId } = await client.snapshotAndWait(agent.sandboxId, { snapshotType: 'memory' });
  await client.createAndConnect({ name: 'second-opinion', snapshotId });
  await client.copy(agent.sandboxId, { times: 3 });
  return agent;
}

async function makeSite(client: SandboxClient): Promise<Sandbox> {
  const site = await client.createAndConnect({
    name: 'web-preview',
    memoryMb: 512,
    exposedPorts: [3000, 5173],
  });
  await site.writeFile('/workspace/index.html', Buffer.from('<h1>Preview</h1>'));
  await site.startProcess('python3', { args: ['-m', 'http.server', '3000', '--directory', '/workspace'] });
  return site;
}

async function makeOthers(client: SandboxClient): Promise<void> {
  await client.createAndConnect({ name: 'code-review', image: 'web-app', memoryMb: 2048, cpus: 2 });
  const nightly = await client.createAndConnect({ name: 'nightly-eval', memoryMb: 512 });
  await client.suspend(nightly.sandboxId);
  const ended = await client.createAndConnect({ name: 'one-off', memoryMb: 512 });
  await ended.terminate();
}
