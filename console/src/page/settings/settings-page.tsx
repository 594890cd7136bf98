import { useConsole } from '../../live/console-context.ts';
import { Link } from '../../router.tsx';
import { AuditTab } from './audit-tab.tsx';
import { KeysTab } from './keys-tab.tsx';
import { MembersTab } from './members-tab.tsx';
import { RegistriesTab } from './registries-tab.tsx';
import { WorkspaceTab } from './workspace-tab.tsx';

const tabs = [
  { name: 'workspace', title: 'Workspace', forAdmins: false, Part: WorkspaceTab },
  { name: 'members', title: 'Members', forAdmins: false, Part: MembersTab },
  { name: 'keys', title: 'API keys', forAdmins: false, Part: KeysTab },
  { name: 'registries', title: 'Registries', forAdmins: false, Part: RegistriesTab },
  { name: 'audit', title: 'Audit log', forAdmins: true, Part: AuditTab },
] as const;

/** What holds for the workspace and for who uses it. */
export default function SettingsPage({ tab }: { tab: string }) {
  const { isAdmin } = useConsole();
  const shown = tabs.filter(({ forAdmins }) => isAdmin || !forAdmins);
  const current = shown.find(({ name }) => name === tab) ?? shown[0];
  return (
    <section className="page">
      <header className="page-head">
        <h1>Settings</h1>
      </header>
      <nav className="tabs" aria-label="Parts of the settings">
        {shown.map(({ name, title }) => (
          <Link
            key={name}
            to={name === 'workspace' ? '/settings' : `/settings/${name}`}
            aria-current={current?.name === name ? 'page' : undefined}
          >
            {title}
          </Link>
        ))}
      </nav>
      <div className="tab-body">{current && <current.Part />}</div>
    </section>
  );
}
