import { Navigate } from '@tanstack/react-router';
import { Forbidden } from '../app/Fallbacks';
import { useCan } from '../app/session';
import { partGroups } from './parts';

/** The first part that the person may see. */
export function AdminHome() {
  const can = useCan();
  const first = partGroups.flatMap(({ parts }) => [...parts]).find(([, noun]) => can('read', noun));
  return first ? <Navigate to="/admin/$part" params={{ part: first[0] }} replace /> : <Forbidden />;
}
