import * as routes from '@atoll/protocol';
import { ApiError } from '@atoll/protocol';
import type { BlaxelUser, Member } from '@atoll/protocol';
import type { Caller } from '../../tenancy/caller.ts';
import type { Tenancy } from '../../tenancy/tenancy.ts';
import type { Binding } from '../bind.ts';
import { bindBlaxel } from './blaxel-version.ts';

/** The members of a workspace; what programs sign in as is listed with the service accounts. */
export function blaxelUserRoutes({ members }: Pick<Tenancy, 'members'>): Binding[] {
  const find = (subOrEmail: string, caller: Caller): Member => {
    const all = members.list(caller);
    const found = all.find(({ id }) => id === subOrEmail) ?? all.find(({ name }) => name === subOrEmail);
    if (found) return found;
    throw new ApiError('not_found', `no member ${JSON.stringify(subOrEmail.slice(0, 100))} in the workspace`);
  };
  return [
    bindBlaxel(routes.listBlaxelUsers, (_input, { caller }) => members.list(caller).map(toUser)),
    bindBlaxel(routes.inviteBlaxelUser, ({ body: { email: name, role } }, context) => {
      const made = members.put(context.caller, { name, role });
      context.target(made.id);
      return toUser(made);
    }),
    bindBlaxel(routes.updateBlaxelUser, ({ params, body: { role } }, context) => {
      const { id: memberId } = find(params.subOrEmail, context.caller);
      context.target(memberId);
      return toUser(members.put(context.caller, { memberId, role }));
    }),
    bindBlaxel(routes.removeBlaxelUser, ({ params }, context) => {
      const member = find(params.subOrEmail, context.caller);
      context.target(member.id);
      members.remove(context.caller, member.id);
      return toUser(member);
    }),
  ];
}

const toUser = ({ id, name, role }: Member): BlaxelUser => ({
  sub: id,
  email: name,
  given_name: name,
  family_name: '',
  role,
  accepted: true,
});
