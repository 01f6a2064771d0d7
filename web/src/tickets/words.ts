import type { Schema } from '../api/client';

export type Priority = Schema['Ticket']['priority'];

export const priorities: Priority[] = ['urgent', 'high', 'medium', 'low'];
