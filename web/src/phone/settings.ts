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

// A frame on another host's page may have no storage at all, which even naming it says: then nothing is remembered.
function read<T>(storage: () => Storage, key: string, empty: T): T {
  try {
    const text = storage().getItem(key);
    return text ? { ...empty, ...(JSON.parse(text) as Partial<T>) } : empty;
  } catch {
    return empty;
  }
}

function write(storage: () => Storage, key: string, value: Devices | TabMemory): void {
  try {
    storage().setItem(key, JSON.stringify(value));
  } catch {
    // as above
  }
}

const browser = () => localStorage;
const tab = () => sessionStorage;

export const readDevices = (): Devices => read(browser, DEVICES, noDevices);
export const writeDevices = (devices: Devices): void => write(browser, DEVICES, devices);
export const readTab = (): TabMemory => read(tab, TAB, noMemory);
export const writeTab = (memory: TabMemory): void => write(tab, TAB, memory);
export const forgetTab = (): void => write(tab, TAB, noMemory);
