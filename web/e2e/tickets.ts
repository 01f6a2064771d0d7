import type { APIRequestContext } from 'playwright-core';
import { expect } from 'vitest';
import { url } from './browser';

interface NewTicket {
  title: string;
  type?: string;
  priority?: string;
  assignee?: string;
  contact_id?: string;
}

/** Makes a ticket, as whoever is signed in. */
export async function makeTicket(api: APIRequestContext, ticket: NewTicket): Promise<{ id: string; number: number }> {
  const answer = await api.post(`${url}/api/v1/tickets`, { data: ticket });
  expect(answer.status(), await answer.text()).toBe(200);
  return (await answer.json()) as { id: string; number: number };
}
