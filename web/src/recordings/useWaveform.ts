import { type UseQueryOptions, useQuery } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import WaveSurfer from 'wavesurfer.js';
import type { Schema } from '../api/client';

/** A file to listen to, wherever it lies. */
export interface Clip {
  id: string;
  name: string;
  seconds: number;
  url: string;
  peaks: UseQueryOptions<Schema['Peaks'], Error, Schema['Peaks'], string[]>;
}

interface Waveform {
  container: React.RefObject<HTMLDivElement | null>;
  playing: boolean;
  time: number;
  failed: boolean;
  toggle: () => void;
  seek: (seconds: number) => void;
}

interface Options {
  clip: Clip;
  speed: number;
  /** At the end of the part; the next one then begins by itself. */
  onFinish: (() => void) | undefined;
}

/** A waveform from peaks that the server has made: the sound itself is only fetched when it is played. */
export function useWaveform({ clip, speed, onFinish }: Options): Waveform {
  const container = useRef<HTMLDivElement>(null);
  const surfer = useRef<WaveSurfer | null>(null);
  const goOn = useRef(false);
  const finish = useRef(onFinish);
  finish.current = onFinish;
  const [playing, setPlaying] = useState(false);
  const [time, setTime] = useState(0);
  const { url, seconds } = clip;
  const peaks = useQuery(clip.peaks);

  useEffect(() => {
    if (!container.current || peaks.isPending) return;
    const media = new Audio();
    media.preload = 'none';
    const style = getComputedStyle(container.current);
    const colour = (name: string) => style.getPropertyValue(name).trim();
    // The server sends the loudest sample of each stretch as 0 to 255.
    const channels = peaks.data?.channels.length ? peaks.data.channels.map((c) => c.map((p) => p / 255)) : [[0, 0]];
    const wave = WaveSurfer.create({
      container: container.current,
      media,
      url,
      peaks: channels,
      duration: peaks.data?.seconds || seconds,
      height: channels.length > 1 ? 34 : 68,
      barWidth: 2,
      barGap: 1,
      barRadius: 2,
      cursorColor: colour('--t-bad'),
      waveColor: colour('--wave'),
      progressColor: colour('--t-info'),
      splitChannels: channels.length > 1 ? channels.map(() => ({})) : [],
      maxPeak: 1,
    });
    surfer.current = wave;
    setTime(0);
    wave.on('timeupdate', setTime);
    wave.on('play', () => setPlaying(true));
    wave.on('pause', () => setPlaying(false));
    wave.on('finish', () => {
      goOn.current = finish.current !== undefined;
      finish.current?.();
    });
    if (goOn.current) {
      goOn.current = false;
      void wave.play();
    }
    return () => {
      surfer.current = null;
      wave.destroy();
      setPlaying(false);
    };
  }, [url, seconds, peaks.data, peaks.isPending]);

  useEffect(() => surfer.current?.setPlaybackRate(speed, true), [speed]);

  return {
    container,
    playing,
    time,
    failed: peaks.isError,
    toggle: () => void surfer.current?.playPause(),
    seek: (seconds) => surfer.current?.setTime(seconds),
  };
}
