import { ActionIcon, Anchor, Group, SegmentedControl, Select, Slider } from '@mantine/core';
import { IconDownload, IconPlayerPauseFilled, IconPlayerPlayFilled } from '@tabler/icons-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { clock } from '../ui/format';
import classes from './recordings.module.css';
import { type Clip, useWaveform } from './useWaveform';

const speeds = ['0.75', '1', '1.25', '1.5', '2'];

interface PlayerProps {
  parts: Clip[];
  /** One side only: a message. */
  mono?: boolean;
  onPlay?: () => void;
}

/** Plays a recording, part after part, over a waveform of both sides. */
export function Player({ parts, mono, onPlay }: PlayerProps) {
  const { t } = useTranslation('crm');
  const [index, setIndex] = useState(0);
  const [speed, setSpeed] = useState('1');
  const part = parts[index] as Clip;
  const next = index + 1 < parts.length ? () => setIndex(index + 1) : undefined;
  const wave = useWaveform({ clip: part, speed: Number(speed), onFinish: next });
  const { url, seconds } = part;
  const toggle = () => {
    if (!wave.playing) onPlay?.();
    wave.toggle();
  };
  return (
    <div className={classes.player} data-recording={part.id}>
      {parts.length > 1 && (
        <SegmentedControl
          size="xs"
          aria-label={t('recording.title')}
          value={String(index)}
          onChange={(value) => setIndex(Number(value))}
          data={parts.map((_, i) => ({
            value: String(i),
            label: t('recording.part', { part: i + 1, count: parts.length }),
          }))}
        />
      )}
      <div className={classes.row}>
        <ActionIcon
          size={38}
          radius="xl"
          aria-label={wave.playing ? t('recording.pause') : t('recording.play')}
          data-action="play"
          onClick={toggle}
        >
          {wave.playing ? <IconPlayerPauseFilled size={18} /> : <IconPlayerPlayFilled size={18} />}
        </ActionIcon>
        <div className={classes.waves}>
          {!mono && (
            <div className={classes.sides} aria-hidden>
              <span>{t('recording.customer')}</span>
              <span>{t('recording.agent')}</span>
            </div>
          )}
          <div ref={wave.container} className={classes.wave} aria-hidden />
        </div>
      </div>
      {wave.failed && <div className="quiet">{t('recording.noWave')}</div>}
      <Group gap="sm" wrap="nowrap">
        <span className="tnum quiet">{clock(wave.time)}</span>
        <Slider
          flex={1}
          size="sm"
          label={clock}
          thumbLabel={t('recording.position')}
          min={0}
          max={Math.max(seconds, 0.1)}
          step={1}
          value={wave.time}
          onChange={wave.seek}
        />
        <span className="tnum quiet">{clock(seconds)}</span>
        <Select
          aria-label={t('recording.speed')}
          size="xs"
          w={84}
          data={speeds.map((value) => ({ value, label: `${value}×` }))}
          value={speed}
          onChange={(value) => setSpeed(value ?? '1')}
        />
        <Anchor href={url} download={part.name} aria-label={`${t('recording.download')}: ${part.name}`}>
          <IconDownload size={17} style={{ display: 'block' }} />
        </Anchor>
      </Group>
    </div>
  );
}
