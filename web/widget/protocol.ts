// What the widget's page and the server say to each other (docs/widget.md), and what the loader and the page do.

export interface Text {
  title?: string;
  greeting?: string;
  launcher?: string;
  consent?: string;
  offline?: string;
}

export interface FormField {
  name: string;
  kind: 'text' | 'email' | 'tel' | 'select';
  required?: boolean;
  labels?: Record<string, string>;
  options?: string[];
}

export interface Trigger {
  id: string;
  url?: string;
  seconds?: number;
  returning?: boolean;
  open?: boolean;
  messages?: Record<string, string>;
}

export interface Features {
  upload: boolean;
  call: boolean;
  callback: boolean;
  transcript: boolean;
  csat: boolean;
}

/** What the server puts into the loader and the page: the public part of the account's settings. */
export interface Config {
  account: string;
  color: string;
  position: 'right' | 'left';
  theme: 'auto' | 'light' | 'dark';
  languages: string[];
  texts: Record<string, Text>;
  form: FormField[];
  offline: boolean;
  consent: boolean;
  triggers: Trigger[];
  features: Features;
  /** The size of the largest file, in bytes. */
  max_file: number;
}

export interface Identity {
  id: string;
  signature: string;
  name?: string;
  email?: string;
}

export interface Attributes {
  data?: Record<string, string>;
  token?: string;
}

export interface Attachment {
  id: string;
  kind: 'image' | 'video' | 'audio' | 'file' | 'sticker';
  name: string;
  content_type: string;
  bytes: number;
  width?: number;
  height?: number;
  state: string;
  preview?: boolean;
}

export interface Message {
  id: string;
  conversation_id: string;
  seq: number;
  rev: number;
  at: string;
  mine: boolean;
  author: 'customer' | 'agent' | 'bot' | 'system' | 'app';
  name?: string;
  kind: string;
  text: string;
  /** Of a system message: its code and values. */
  code?: string;
  values?: Record<string, string>;
  options?: { id: string; title: string }[];
  attachments?: Attachment[];
  quote?: { id?: string; text: string };
  status?: 'sent' | 'delivered' | 'read';
  edited?: boolean;
  unsent?: boolean;
  client_id?: string;
  reactions?: { ours: boolean; emoji: string }[];
}

export interface Conversation {
  id: string;
  state: 'open' | 'snoozed' | 'closed';
  rev: number;
  created_at: string;
  /** Who answers, by the name that customers see. */
  agent?: string;
  bot?: boolean;
  waiting?: boolean;
  position?: number;
  wait_seconds?: number;
  opens_at?: string;
  /** How far the agent has read. */
  read_seq: number;
  rating?: number;
}

export interface Option {
  kind: 'scheduled_call' | 'email' | 'number' | 'voicemail' | 'queue';
  address?: string;
}

export interface Offering {
  open: boolean;
  call: boolean;
  chat: boolean;
  message?: string;
  options: Option[];
  opens_at?: string;
}

export interface Thread {
  /** The newest first; all that there are when `whole`, else those that have changed. */
  conversations: Conversation[];
  messages: Message[];
  whole?: boolean;
  offering?: Offering;
}

export interface Welcome extends Thread {
  visitor: { id: string; secret?: string; name: string; customer: boolean };
}

export interface Slot {
  at: string;
  until: string;
}

export interface Frame {
  v: 1;
  id?: string;
  type: string;
  data?: unknown;
}

/** From the page around us to the widget's page. */
export type ToFrame =
  | {
      type: 'start';
      open: boolean;
      identity: Identity | null;
      attributes: Attributes;
      language: string;
      known: boolean;
    }
  | { type: 'open' | 'close' | 'logout' | 'bye' }
  | { type: 'identify'; identity: Identity }
  | { type: 'set'; attributes: Attributes }
  | { type: 'language'; language: string };

/** From the widget's page to the one around it. */
export type FromFrame =
  | { type: 'ready' | 'close' }
  | { type: 'unread'; count: number; title: string }
  | { type: 'keep'; ok: boolean; active: boolean }
  | { type: 'event'; name: string; data?: unknown };
