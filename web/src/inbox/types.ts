// The shapes of conversations, as chat/conversation.go and chat/event.go have them.

export type Channel =
  | 'whatsapp'
  | 'messenger'
  | 'instagram'
  | 'wechat'
  | 'line'
  | 'telegram'
  | 'viber'
  | 'sms'
  | 'web'
  | 'mobile';

export type ConversationState = 'open' | 'snoozed' | 'closed';
export type Direction = 'in' | 'out' | 'internal';
export type Author = 'customer' | 'agent' | 'bot' | 'system' | 'app';
export type Status = 'queued' | 'sent' | 'failed' | 'delivered' | 'read' | 'played';
export type MediaKind = 'image' | 'video' | 'audio' | 'file' | 'sticker';
export type MessageKind =
  | 'text'
  | 'media'
  | 'location'
  | 'contacts'
  | 'choice'
  | 'order'
  | 'begin'
  | 'system'
  | 'template'
  | 'options'
  | 'action'
  | 'note'
  | 'unsupported';

export interface Person {
  id?: string;
  alias?: string;
  phone?: string;
  name?: string;
  username?: string;
  language?: string;
  country?: string;
  avatar?: string;
}

export interface AccountRef {
  id: string;
  name: string;
  label: string;
  state: 'ok' | 'needs_reauthorisation' | 'paused';
}

export interface Conversation {
  id: string;
  channel: Channel;
  account: AccountRef;
  contact_id: string;
  person: Person;
  state: ConversationState;
  owner_kind: 'none' | 'bot' | 'human';
  owner_id?: string;
  owner_name?: string;
  queue_id?: string;
  queue_path: string[];
  waiting_since?: string;
  opens_at?: string;
  offered_to?: string[];
  priority: number;
  language: string;
  collaborators: string[];
  mention_until?: string;
  last_at: string;
  last_text: string;
  last_direction: Direction | '';
  unread: number;
  unanswered: number;
  rev: number;
  snoozed_until?: string;
  ticket_id?: string;
  opened_at: string;
  created_at: string;
  closed_at?: string;
  close_reason?: string;
  disposition?: string;
  first_reply_at?: string;
  reachable: boolean;
  composer?: Composer;
  reserved: {
    reserved_verified_customer?: boolean;
    reserved_bad_actor?: boolean;
    reserved_repeat_customer?: boolean;
  };
  data?: Record<string, string>;
}

export interface Message {
  id: string;
  conversation_id: string;
  seq: number;
  rev: number;
  at: string;
  direction: Direction;
  author: Author;
  author_id?: string;
  author_name?: string;
  kind: MessageKind;
  text: string;
  body: MessageBody;
  attachments: Attachment[];
  quote?: Quoted;
  album?: string;
  status?: Status;
  status_at?: string;
  error?: Failure;
  reactions?: Reacted[];
  edited_at?: string;
  unsent_at?: string;
  mentions?: string[];
  client_id?: string;
}

export interface MessageBody {
  location?: { latitude: number; longitude: number; name?: string; address?: string };
  contacts?: Array<{ name: string; phones?: string[]; emails?: string[] }>;
  choice?: { id: string; title: string };
  options?: Array<{ id: string; title: string }>;
  template?: TemplateSend;
  referral?: Record<string, string>;
  order?: Array<{ product: string; quantity: number; price: number; currency: string }>;
  link?: { title?: string; url: string };
  forwarded?: boolean;
  type?: string;
  data?: Record<string, string>;
  action?: string;
}

export interface Attachment {
  id: string;
  kind: MediaKind;
  name: string;
  content_type: string;
  bytes: number;
  width?: number;
  height?: number;
  seconds?: number;
  voice?: boolean;
  state: 'pending' | 'stored' | 'failed' | 'too_large' | 'gone';
  preview?: boolean;
}

export interface Quoted {
  id?: string;
  text: string;
  author?: Author;
}

export interface Reacted {
  ours: boolean;
  emoji: string;
}

export interface Failure {
  verdict: string;
  code?: string;
  detail?: string;
}

export interface Composer {
  open: boolean;
  why?: string;
  until?: string;
  left?: number;
  tag?: string;
  offers?: string[];
  quota?: { name: string; used: number; limit: number };
  traits: Traits;
}

export interface Traits {
  text_limit: number;
  unit: 'characters' | 'bytes' | 'utf16';
  caption: number;
  media: Partial<Record<MediaKind, { bytes: number; types: string[] }>>;
  by_url: boolean;
  sent: boolean;
  delivered: boolean;
  read: boolean;
  mark_read: boolean;
  typing: boolean;
  typing_in: boolean;
  react: boolean;
  quote: boolean;
  edit: boolean;
  unsend: boolean;
  options: number;
  templates: boolean;
}

export interface TemplateSend {
  name: string;
  language: string;
  values?: Record<string, string>;
  preview?: string;
}

export interface Template {
  id: string;
  name: string;
  language: string;
  category: string;
  status: string;
  quality?: string;
  reason?: string;
  named: boolean;
  components: TemplateComponent[];
}

export interface TemplateComponent {
  type: string;
  format?: string;
  text?: string;
  variables?: string[];
  examples?: string[];
  buttons?: Array<{ type: string; text: string; url?: string; phone?: string; variables?: string[] }>;
}

export interface CannedResponse {
  id: string;
  shortcut: string;
  title: string;
  language: string;
  text: string;
  queue_id?: string;
  /** For this person alone. */
  owner_id?: string;
}

export interface Step {
  at: string;
  what: string;
  queue_id?: string;
  agent_id?: string;
  actor_id?: string;
  detail?: Record<string, string>;
}
