import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { api, body, type Schema } from '../api/client';

export type Contact = Schema['Contact'];
export type ContactPage = Schema['ContactPage'];
export type Attribute = Schema['ContactAttribute'];
export type ContactList = Schema['ContactList'];

export interface ContactFilter {
  search: string;
  group: 'all' | 'mine' | 'team';
  list: string | null;
  tag: string | null;
}

const PAGE = 50;
const next = (page: { next_cursor: string }) => page.next_cursor || undefined;
const from = (cursor: string) => (cursor ? { cursor } : {});

export const contactListQuery = ({ search, group, list, tag }: ContactFilter) =>
  infiniteQueryOptions({
    queryKey: ['contacts', 'list', { search, group, list, tag }],
    initialPageParam: '',
    queryFn: ({ pageParam }) =>
      body(
        api.GET('/api/v1/contacts', {
          params: {
            query: {
              limit: PAGE,
              group,
              ...(search ? { search } : {}),
              ...(list ? { list } : {}),
              ...(tag ? { tag } : {}),
              ...from(pageParam),
            },
          },
        }),
      ),
    getNextPageParam: next,
  });

export const activityQuery = (id: string) =>
  infiniteQueryOptions({
    queryKey: ['contacts', id, 'activity'],
    initialPageParam: '',
    queryFn: ({ pageParam }) =>
      body(
        api.GET('/api/v1/contacts/{id}/activity', {
          params: { path: { id }, query: { limit: 20, ...from(pageParam) } },
        }),
      ),
    getNextPageParam: next,
  });

export const contactFilesQuery = (id: string) =>
  infiniteQueryOptions({
    queryKey: ['contacts', id, 'files'],
    initialPageParam: '',
    queryFn: ({ pageParam }) =>
      body(
        api.GET('/api/v1/contacts/{id}/files', { params: { path: { id }, query: { limit: 40, ...from(pageParam) } } }),
      ),
    getNextPageParam: next,
  });

export const contactNotesQuery = (id: string) =>
  infiniteQueryOptions({
    queryKey: ['contacts', id, 'notes'],
    initialPageParam: '',
    queryFn: ({ pageParam }) =>
      body(
        api.GET('/api/v1/contacts/{id}/notes', { params: { path: { id }, query: { limit: 20, ...from(pageParam) } } }),
      ),
    getNextPageParam: next,
  });

export const alikeQuery = (id: string) =>
  queryOptions({
    queryKey: ['contacts', id, 'alike'],
    queryFn: async () => (await body(api.GET('/api/v1/contacts/{id}/alike', { params: { path: { id } } }))).items,
  });

export const mergePreviewQuery = (id: string, other: string) =>
  queryOptions({
    queryKey: ['contacts', id, 'merge', other],
    queryFn: () => body(api.GET('/api/v1/contacts/{id}/merge-preview/{other}', { params: { path: { id, other } } })),
  });

export const attributesQuery = queryOptions({
  queryKey: ['contact-attributes'],
  queryFn: async () => (await body(api.GET('/api/v1/contact-attributes'))).items,
  staleTime: 60_000,
});

export const contactListsQuery = queryOptions({
  queryKey: ['contact-lists'],
  queryFn: async () => (await body(api.GET('/api/v1/contact-lists'))).items,
  staleTime: 60_000,
});

export const contactTagsQuery = queryOptions({
  queryKey: ['contacts', 'tags'],
  queryFn: async () => (await body(api.GET('/api/v1/contact-tags'))).items,
  staleTime: 60_000,
});
