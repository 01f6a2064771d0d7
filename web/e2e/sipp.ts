import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

/** The frequency of `tone`, in hertz. */
export const TONE = 500;

/** A second of 500 Hz in A-law: sixteen samples over and over (G.711, as ITU-T tables give them). */
export function tone(): Buffer {
  const wave = Array.from({ length: 16 }, (_, i) => Math.sin((2 * Math.PI * i) / 16));
  const period = wave.map((x) => {
    const sample = Math.abs(Math.round(x * 8000));
    const exponent = sample > 255 ? Math.floor(Math.log2(sample)) - 7 : 0;
    const mantissa = exponent > 0 ? (sample >> (exponent + 3)) & 0x0f : (sample >> 4) & 0x0f;
    return ((exponent << 4) | mantissa | (x >= 0 ? 0x80 : 0)) ^ 0x55;
  });
  return Buffer.from(Array.from({ length: 8000 }, (_, i) => period[i % 16] as number));
}

/** A telephone network on a port of its own, played by SIPp. */
export interface Carrier {
  port: number;
  /** Plays a scenario of this folder for the calls that come from now on. */
  play: (scenario: string) => void;
  stop: () => Promise<void>;
}

export async function startCarrier(): Promise<Carrier> {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'tandem-sipp-'));
  writeFileSync(join(folder, 'tone.alaw'), tone());
  let running: ChildProcess | undefined;
  return {
    port,
    play(scenario) {
      running?.kill('SIGKILL'); // at once: the port is needed again
      const file = resolve(import.meta.dirname, scenario);
      const options = ['-sf', file, '-i', '127.0.0.1', '-p', String(port), '-nostdin', '-aa'];
      running = spawn('sipp', options, { cwd: folder, env: { ...process.env, TERM: 'dumb' }, stdio: 'ignore' });
    },
    async stop() {
      if (running && running.exitCode === null) {
        running.kill('SIGKILL');
        await once(running, 'exit');
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function freePort(): Promise<number> {
  return new Promise((found) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => found(port));
    });
  });
}
