import type { Tone } from '../ui/State';

export const presences = ['AVAILABLE', 'BUSY', 'AWAY', 'OFFLINE'] as const;

export const tones: Record<string, Tone> = { AVAILABLE: 'good', BUSY: 'bad', AWAY: 'warn', OFFLINE: 'quiet' };
