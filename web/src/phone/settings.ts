// What the softphone remembers: devices for good (this browser), the session for a reload (this tab).

export interface Devices {
  microphone: string;
  speaker: string;
  ringer: string;
  ringVolume: number;
  /** Echo cancelling, noise suppression and gain control; off for headsets that do it themselves. */
  processing: boolean;
}

export interface TabMemory {
  resume: string;
  lastSeq: number;
  micProven: boolean;
  /** Media was up: after a reload it comes up without asking. */
  online: boolean;
}

const DEVICES = 'tandem.devices';
const TAB = 'tandem.phone';

const noDevices: Devices = { microphone: '', speaker: '', ringer: '', ringVolume: 0.6, processing: true };
const noMemory: TabMemory = { resume: '', lastSeq: 0, micProven: false, online: false };

function read<T>(storage: Storage, key: string, empty: T): T {
  try {
    const text = storage.getItem(key);
    return text ? { ...empty, ...(JSON.parse(text) as Partial<T>) } : empty;
  } catch {
    return empty;
  }
}

export const readDevices = (): Devices => read(localStorage, DEVICES, noDevices);
export const writeDevices = (devices: Devices): void => localStorage.setItem(DEVICES, JSON.stringify(devices));
export const readTab = (): TabMemory => read(sessionStorage, TAB, noMemory);
export const writeTab = (memory: TabMemory): void => sessionStorage.setItem(TAB, JSON.stringify(memory));
export const forgetTab = (): void => sessionStorage.removeItem(TAB);
