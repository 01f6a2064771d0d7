import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { api, body, type Schema } from './client';

// One query per list and thing, keyed by the API's noun: live events (app/live.ts) invalidate by noun.

export type CallState = 'all' | 'live' | 'queued' | 'connected' | 'ended';

const items = async <T>(page: Promise<{ items: T[] }>): Promise<T[]> => (await page).items;
// A list of configuration is short; one page of the largest size is all of it.
const whole = { limit: 500 };

export const callsQuery = (query: { state: CallState; agent?: string; search?: string; limit?: number }) =>
  queryOptions({
    queryKey: ['calls', query],
    queryFn: () => items(body(api.GET('/api/v1/calls', { params: { query } }))),
    placeholderData: (before: Schema['CallRow'][] | undefined) => before,
  });

export const callQuery = (id: string) =>
  queryOptions({
    queryKey: ['calls', id],
    queryFn: () => body(api.GET('/api/v1/calls/{id}', { params: { path: { id } } })),
  });

export const decisionsQuery = (id: string) =>
  queryOptions({
    queryKey: ['calls', id, 'decisions'],
    queryFn: () => items(body(api.GET('/api/v1/calls/{id}/decisions', { params: { path: { id } } }))),
  });

export const agentsQuery = queryOptions({
  queryKey: ['agents'],
  queryFn: () => items(body(api.GET('/api/v1/agents'))),
});

export const queuesQuery = queryOptions({
  queryKey: ['queues'],
  queryFn: () => items(body(api.GET('/api/v1/queues'))),
});

/** The wall board; its figures are the server's, so they are asked for, not computed here. */
export const liveQueuesQuery = queryOptions({
  queryKey: ['wall-board'],
  queryFn: () => body(api.GET('/api/v1/queues/live')),
  refetchInterval: 2_000,
});

/** What all queues inherit. */
export const globalQuery = queryOptions({
  queryKey: ['queues', 'global'],
  queryFn: () => body(api.GET('/api/v1/queue-settings')),
});

export const queueSettingsQuery = (id: string) =>
  queryOptions({
    queryKey: ['queues', id, 'settings'],
    queryFn: () => body(api.GET('/api/v1/queues/{id}/settings', { params: { path: { id } } })),
  });

export const queueMenuQuery = (id: string) =>
  queryOptions({
    queryKey: ['queues', id, 'menu'],
    queryFn: () => body(api.GET('/api/v1/queues/{id}/menu', { params: { path: { id } } })),
  });

export const queueMembersQuery = (id: string) =>
  queryOptions({
    queryKey: ['queues', id, 'members'],
    queryFn: () => body(api.GET('/api/v1/queues/{id}/members', { params: { path: { id } } })),
  });

export const queueOpenQuery = (id: string, at: string) =>
  queryOptions({
    queryKey: ['queues', id, 'open', at],
    queryFn: () => body(api.GET('/api/v1/queues/{id}/open', { params: { path: { id }, query: { at } } })),
  });

export const usersQuery = queryOptions({
  queryKey: ['users'],
  queryFn: () => items(body(api.GET('/api/v1/users', { params: { query: whole } }))),
});

export const teamsQuery = queryOptions({
  queryKey: ['teams'],
  queryFn: () => items(body(api.GET('/api/v1/teams'))),
});

export const rolesQuery = queryOptions({
  queryKey: ['roles'],
  queryFn: () => items(body(api.GET('/api/v1/roles'))),
});

export const permissionsQuery = queryOptions({
  queryKey: ['permissions'],
  queryFn: () => items(body(api.GET('/api/v1/permissions'))),
  staleTime: Number.POSITIVE_INFINITY,
});

export const numbersQuery = queryOptions({
  queryKey: ['numbers'],
  queryFn: () => items(body(api.GET('/api/v1/numbers'))),
});

export const trunksQuery = queryOptions({
  queryKey: ['trunks'],
  queryFn: () => items(body(api.GET('/api/v1/trunks'))),
});

export const promptsQuery = queryOptions({
  queryKey: ['prompts'],
  queryFn: () => items(body(api.GET('/api/v1/prompts'))),
});

export const botsQuery = queryOptions({
  queryKey: ['bots'],
  queryFn: () => items(body(api.GET('/api/v1/bots'))),
});

/** Uploaded ring tones. */
export const ringtonesQuery = queryOptions({
  queryKey: ['ringtones'],
  queryFn: () => items(body(api.GET('/api/v1/ringtones'))),
});

export const smsQuery = queryOptions({
  queryKey: ['sms-account'],
  queryFn: () => body(api.GET('/api/v1/sms-account')),
});

export const ownNotificationsQuery = queryOptions({
  queryKey: ['me-notifications'],
  queryFn: () => body(api.GET('/api/v1/me/notifications')),
});

export const hoursQuery = queryOptions({
  queryKey: ['hours'],
  queryFn: () => items(body(api.GET('/api/v1/hours'))),
});

export const recordingsQuery = queryOptions({
  queryKey: ['recordings'],
  queryFn: () => items(body(api.GET('/api/v1/recordings', { params: { query: whole } }))),
  refetchInterval: 10_000,
});

export const crmQuery = queryOptions({
  queryKey: ['crm-connection'],
  queryFn: () => body(api.GET('/api/v1/crm-connection')),
});

export const apiKeysQuery = queryOptions({
  queryKey: ['api-keys'],
  queryFn: () => items(body(api.GET('/api/v1/api-keys', { params: { query: whole } }))),
});

export const auditQuery = (filter: { action?: string; subject?: string }) =>
  infiniteQueryOptions({
    queryKey: ['audit', filter],
    initialPageParam: '',
    queryFn: ({ pageParam }) =>
      body(
        api.GET('/api/v1/audit', {
          params: { query: { ...filter, limit: 50, ...(pageParam ? { cursor: pageParam } : {}) } },
        }),
      ),
    getNextPageParam: (page) => page.next_cursor || undefined,
  });

export type TicketStatus = Schema['Ticket']['status'];

export const ticketsQuery = (query: { status?: TicketStatus; contact?: string; call?: string; assignee?: string }) =>
  queryOptions({
    queryKey: ['tickets', query],
    queryFn: () => items(body(api.GET('/api/v1/tickets', { params: { query } }))),
    placeholderData: (before: Schema['Ticket'][] | undefined) => before,
  });

export const ticketQuery = (id: string) =>
  queryOptions({
    queryKey: ['tickets', id],
    queryFn: () => body(api.GET('/api/v1/tickets/{id}', { params: { path: { id } } })),
  });

export const peaksQuery = (ticket: string, attachment: string) =>
  queryOptions({
    queryKey: ['peaks', ticket, attachment],
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: () =>
      body(
        api.GET('/api/v1/tickets/{id}/attachments/{attachment}/peaks', {
          params: { path: { id: ticket, attachment } },
        }),
      ),
  });

export const contactsQuery = (search: string) =>
  infiniteQueryOptions({
    queryKey: ['contacts', { search }],
    initialPageParam: '',
    queryFn: ({ pageParam }) =>
      body(
        api.GET('/api/v1/contacts', {
          params: { query: { limit: 50, ...(search ? { search } : {}), ...(pageParam ? { cursor: pageParam } : {}) } },
        }),
      ),
    getNextPageParam: (page) => page.next_cursor || undefined,
  });

export const contactQuery = (id: string) =>
  queryOptions({
    queryKey: ['contacts', id],
    queryFn: () => body(api.GET('/api/v1/contacts/{id}', { params: { path: { id } } })),
  });
