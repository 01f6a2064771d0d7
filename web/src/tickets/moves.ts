import type { TicketStatus } from '../api/queries';

/** Where a ticket may go from each status (crm.md TK-4). The server refuses the rest. */
export const moves: Record<TicketStatus, TicketStatus[]> = {
  to_do: ['in_progress', 'on_hold', 'resolved'],
  in_progress: ['on_hold', 'resolved'],
  on_hold: ['in_progress', 'resolved'],
  resolved: ['reopened'],
  reopened: ['in_progress', 'on_hold', 'resolved'],
};
