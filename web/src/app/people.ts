import { useQuery } from '@tanstack/react-query';
import { usersQuery } from '../api/queries';
import { useCan, useMe } from './session';

interface People {
  list: Array<{ id: string; name: string }>;
  nameOf: (id: string | undefined) => string;
}

/** The names behind user ids, as far as the person may know them. */
export function usePeople(): People {
  const me = useMe();
  const can = useCan();
  const { data } = useQuery({ ...usersQuery, enabled: can('read', 'users'), staleTime: 60_000 });
  const list = data ?? [{ id: me.id, name: me.name }];
  const names = new Map(list.map((user) => [user.id, user.name]));
  names.set(me.id, me.name);
  return { list, nameOf: (id) => (id ? (names.get(id) ?? id.slice(-6)) : '') };
}
