import type { Schema } from '../api/client';

// Short names of what the API's document describes.

export type Conversation = Schema['Conversation'];
export type Message = Schema['Message'];
export type Attachment = Schema['MessageFile'];
export type Failure = Schema['MessageFailure'];
export type Traits = Schema['ChannelTraits'];
export type Template = Schema['Template'];
export type CannedResponse = Schema['CannedResponse'];
