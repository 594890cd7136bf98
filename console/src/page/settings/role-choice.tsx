import type { Role } from '@atoll/sdk';

const roles: readonly Role[] = ['viewer', 'member', 'admin'];

interface Props {
  label: string;
  value: Role;
  onChange: (role: Role) => void;
}

/** A viewer sees, a member changes, an admin also decides who does. */
export const RoleChoice = ({ label, value, onChange }: Props) => (
  <select
    className="short"
    aria-label={label}
    value={value}
    onChange={(event) => {
      const chosen = roles.find((role) => role === event.target.value);
      if (chosen !== undefined) onChange(chosen);
    }}
  >
    {roles.map((role) => (
      <option key={role} value={role}>
        {role}
      </option>
    ))}
  </select>
);
