import { infiniteQueryOptions, keepPreviousData, queryOptions } from '@tanstack/react-query';
import { api, body, type Schema } from './client';
import type { paths } from './schema';

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

/** What an agent takes calls on; without an id, the signed-in one. */
export const deviceQuery = (id?: string) =>
  queryOptions({
    queryKey: ['agents', 'device', id ?? 'me'],
    queryFn: () =>
      body(id ? api.GET('/api/v1/agents/{id}/device', { params: { path: { id } } }) : api.GET('/api/v1/me/device')),
  });

/** Registrations come and go without an event of their own. */
export const telephoneQuery = (id?: string) =>
  queryOptions({
    queryKey: ['agents', 'phone', id ?? 'me'],
    queryFn: () =>
      body(id ? api.GET('/api/v1/agents/{id}/phone', { params: { path: { id } } }) : api.GET('/api/v1/me/phone')),
    refetchInterval: 5_000,
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

/** What happens to somebody who comes to a queue; without a time, now. */
export const queuePreviewQuery = (id: string, query: { at?: string; channel?: string; language?: string }) =>
  queryOptions({
    queryKey: ['queues', id, 'preview', query],
    queryFn: () => body(api.GET('/api/v1/queues/{id}/preview', { params: { path: { id }, query } })),
  });

export const queueEstimateQuery = (id: string) =>
  queryOptions({
    queryKey: ['queues', id, 'estimate'],
    queryFn: () => body(api.GET('/api/v1/queues/{id}/estimate', { params: { path: { id } } })),
    refetchInterval: 10_000,
  });

export const skillsQuery = queryOptions({
  queryKey: ['skills'],
  queryFn: () => items(body(api.GET('/api/v1/skills'))),
});

export const agentGroupsQuery = queryOptions({
  queryKey: ['agent-groups'],
  queryFn: () => items(body(api.GET('/api/v1/agent-groups'))),
});

export const agentSkillsQuery = (id: string) =>
  queryOptions({
    queryKey: ['agents', id, 'skills'],
    queryFn: () => body(api.GET('/api/v1/agents/{id}/skills', { params: { path: { id } } })),
  });

/** The tenant's own words for being available, away or busy. */
export const presencesQuery = queryOptions({
  queryKey: ['presences'],
  queryFn: () => items(body(api.GET('/api/v1/presences'))),
  staleTime: 60_000,
});

/** What must never be, in the last 24 hours. */
export const alarmsQuery = queryOptions({
  queryKey: ['queues', 'alarms'],
  queryFn: () => items(body(api.GET('/api/v1/queue-alarms'))),
});

/** What a customer's page shows for a number: a call, or what is offered instead. */
export const customerOptionsQuery = (number: string) =>
  queryOptions({
    queryKey: ['customer', 'options', number],
    queryFn: () => body(api.GET('/api/v1/customer/options', { params: { query: { number, channel: 'web' } } })),
    retry: false,
  });

export const customerSlotsQuery = (number: string) =>
  queryOptions({
    queryKey: ['customer', 'slots', number],
    queryFn: () => items(body(api.GET('/api/v1/customer/slots', { params: { query: { number } } }))),
    retry: false,
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

export const trunkStatesQuery = queryOptions({
  queryKey: ['trunks', 'states'],
  queryFn: () => items(body(api.GET('/api/v1/trunk-states'))),
  refetchInterval: 10_000,
});

export const trunksQuery = queryOptions({
  queryKey: ['trunks'],
  queryFn: () => items(body(api.GET('/api/v1/trunks'))),
});

export const promptsQuery = queryOptions({
  queryKey: ['prompts'],
  queryFn: () => items(body(api.GET('/api/v1/prompts'))),
});

export const clientSecretQuery = queryOptions({
  queryKey: ['client-secret'],
  queryFn: () => body(api.GET('/api/v1/client-secret')),
});

export const webhooksQuery = queryOptions({
  queryKey: ['webhooks'],
  queryFn: () => items(body(api.GET('/api/v1/webhooks'))),
  refetchInterval: 5_000,
});

export const webhookTypesQuery = queryOptions({
  queryKey: ['webhook-types'],
  queryFn: () => items(body(api.GET('/api/v1/webhook-types'))),
  staleTime: Number.POSITIVE_INFINITY,
});

/** The newest deliveries to an endpoint; they change without an event of the log, so they are asked for. */
export const webhookDeliveriesQuery = (id: string, state: Schema['WebhookDelivery']['state'] | '') =>
  queryOptions({
    queryKey: ['webhooks', id, 'deliveries', state],
    queryFn: () =>
      items(
        body(api.GET('/api/v1/webhooks/{id}/deliveries', { params: { path: { id }, query: state ? { state } : {} } })),
      ),
    refetchInterval: 2_000,
  });

export const webhookDeliveryQuery = (id: string, delivery: string) =>
  queryOptions({
    queryKey: ['webhooks', id, 'deliveries', 'one', delivery],
    queryFn: () => body(api.GET('/api/v1/webhooks/{id}/deliveries/{delivery}', { params: { path: { id, delivery } } })),
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

export const slaPoliciesQuery = queryOptions({
  queryKey: ['sla-policies'],
  queryFn: () => items(body(api.GET('/api/v1/sla-policies'))),
});

export const channelKindsQuery = queryOptions({
  queryKey: ['channel-kinds'],
  staleTime: Number.POSITIVE_INFINITY,
  queryFn: () => items(body(api.GET('/api/v1/channel-kinds'))),
});

export const channelsQuery = queryOptions({
  queryKey: ['channels'],
  queryFn: () => items(body(api.GET('/api/v1/channels'))),
});

export const deadLettersQuery = (channel: string) =>
  queryOptions({
    queryKey: ['channels', channel, 'dead'],
    queryFn: () => items(body(api.GET('/api/v1/channels/{id}/dead', { params: { path: { id: channel } } }))),
  });

export const widgetQuery = (channel: string) =>
  queryOptions({
    queryKey: ['channels', channel, 'widget'],
    queryFn: () => body(api.GET('/api/v1/channels/{id}/widget', { params: { path: { id: channel } } })),
  });

export const chatSettingsQuery = queryOptions({
  queryKey: ['chat-settings'],
  queryFn: () => body(api.GET('/api/v1/chat-settings')),
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

export const crmVendorsQuery = queryOptions({
  queryKey: ['crm-vendors'],
  queryFn: () => items(body(api.GET('/api/v1/crm-connection/vendors'))),
});

export const crmHealthQuery = queryOptions({
  queryKey: ['crm-connection', 'health'],
  queryFn: () => body(api.GET('/api/v1/crm-connection/health')),
  refetchInterval: 10_000,
});

export const crmWaitingQuery = queryOptions({
  queryKey: ['crm-connection', 'waiting'],
  queryFn: () => items(body(api.GET('/api/v1/crm-connection/waiting'))),
  refetchInterval: 10_000,
});

export const crmFactsQuery = queryOptions({
  queryKey: ['crm-facts'],
  queryFn: () => body(api.GET('/api/v1/crm-connection/facts')),
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

export type TicketFilter = NonNullable<paths['/api/v1/tickets']['get']['parameters']['query']>;

export const ticketsQuery = (query: TicketFilter) =>
  queryOptions({
    queryKey: ['tickets', query],
    queryFn: () => items(body(api.GET('/api/v1/tickets', { params: { query } }))),
    placeholderData: (before: Schema['Ticket'][] | undefined) => before,
  });

export const ticketPagesQuery = (query: TicketFilter) =>
  infiniteQueryOptions({
    queryKey: ['tickets', 'pages', query],
    initialPageParam: '',
    queryFn: ({ pageParam }) =>
      body(
        api.GET('/api/v1/tickets', { params: { query: { ...query, ...(pageParam ? { cursor: pageParam } : {}) } } }),
      ),
    getNextPageParam: (page) => page.next_cursor || undefined,
    placeholderData: keepPreviousData,
  });

export const ticketTypesQuery = queryOptions({
  queryKey: ['ticket-types'],
  queryFn: () => items(body(api.GET('/api/v1/ticket-types'))),
  staleTime: 60_000,
});

export const ticketSettingsQuery = queryOptions({
  queryKey: ['ticket-settings'],
  queryFn: () => body(api.GET('/api/v1/ticket-settings')),
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

export const voicemailsQuery = (state: 'all' | 'open' | 'unread') =>
  queryOptions({
    queryKey: ['voicemails', state],
    queryFn: async () =>
      (await body(api.GET('/api/v1/voicemails', { params: { query: { state, limit: 500 } } }))).items,
  });

export const voicemailPeaksQuery = (id: string) =>
  queryOptions({
    queryKey: ['peaks', 'voicemail', id],
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: () => body(api.GET('/api/v1/voicemails/{id}/peaks', { params: { path: { id } } })),
  });

export const callbacksQuery = (open: boolean) =>
  queryOptions({
    queryKey: ['callbacks', open ? 'open' : 'all'],
    queryFn: async () => (await body(api.GET('/api/v1/callbacks', { params: { query: { open, limit: 500 } } }))).items,
  });

export const slotsQuery = (queue: string) =>
  queryOptions({
    queryKey: ['callbacks', 'slots', queue],
    queryFn: async () => (await body(api.GET('/api/v1/queues/{id}/slots', { params: { path: { id: queue } } }))).items,
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

/** What an action belongs to: a call or a conversation. */
export type ItemOfAction = { call_id: string } | { conversation_id: string };

export const actionsQuery = (query: ItemOfAction) =>
  queryOptions({
    queryKey: ['actions', query],
    queryFn: () => items(body(api.GET('/api/v1/actions', { params: { query } }))),
  });
