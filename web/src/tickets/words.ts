import type { Schema } from '../api/client';

export type Priority = Schema['Ticket']['priority'];
export type TicketType = Schema['Ticket']['type'];

export const priorities: Priority[] = ['urgent', 'high', 'medium', 'low'];
export const ticketTypes: TicketType[] = ['general', 'bug', 'feature_request', 'billing', 'refund', 'custom'];
