const units = { days: 86_400, hours: 3600, minutes: 60 } as const;

export type Unit = keyof typeof units;
export const unitNames = Object.keys(units) as Unit[];

/** Seconds in the largest unit that has no remainder: 5400 is 90 minutes, 7200 two hours. */
export function inUnit(seconds: number): { count: number; unit: Unit } {
  const unit = unitNames.find((u) => seconds > 0 && seconds % units[u] === 0) ?? 'minutes';
  return { count: Math.round(seconds / units[unit]), unit };
}

export const toSeconds = (count: number, unit: Unit): number => count * units[unit];
