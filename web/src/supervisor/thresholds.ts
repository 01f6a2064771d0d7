import type { Schema } from '../api/client';

export type Level = 'good' | 'warn' | 'bad';

// Seconds of the longest wait, and shares of the service level, from which a queue needs an eye or a hand.
const WAIT_WARN = 30;
const WAIT_BAD = 120;
const SERVICE_WARN = 0.8;
const SERVICE_BAD = 0.6;

/** How urgent those who wait are: by the longest wait, and by whether anybody is there to take them. */
export function levelOfWait(queue: Pick<Schema['LiveQueue'], 'waiting' | 'longest_wait_seconds' | 'available'>): Level {
  if (queue.waiting === 0) return 'good';
  if (queue.longest_wait_seconds >= WAIT_BAD || queue.available === 0) return 'bad';
  return queue.longest_wait_seconds >= WAIT_WARN ? 'warn' : 'good';
}

/** How the service level stands; undefined before there is one. */
export function levelOfService(share: number | undefined | null): Level | undefined {
  if (share === undefined || share === null) return undefined;
  if (share < SERVICE_BAD) return 'bad';
  return share < SERVICE_WARN ? 'warn' : 'good';
}
