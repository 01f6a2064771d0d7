import { Button, Collapse, Select, Slider, Stack, Switch, Text } from '@mantine/core';
import { IconChevronDown, IconLink, IconVolume } from '@tabler/icons-react';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { usePhone, usePhoneState } from '../phone/react';
import { type Devices, readDevices, writeDevices } from '../phone/settings';
import classes from './desktop.module.css';
import { useOutboundQueues } from './dial';

/** Which microphone, which speaker, how loud the ring. Closed most of the time. */
export function AudioSettings() {
  const { t } = useTranslation('desktop');
  const phone = usePhone();
  const media = usePhoneState((s) => s.media);
  const dials = useOutboundQueues().length > 0;
  const [open, setOpen] = useState(false);
  const [devices, setDevices] = useState<Devices>(readDevices);
  const found = useDevices(open && media !== 'off');
  const change = (part: Partial<Devices>) => {
    const next = { ...devices, ...part };
    writeDevices(next);
    setDevices(next);
    if (part.microphone !== undefined || part.processing !== undefined) void phone.changeMicrophone();
    if (part.speaker !== undefined) phone.unblock();
  };
  const options = (kind: MediaDeviceKind) => [
    { value: '', label: t('mic.systemDefault') },
    ...found
      .filter((d) => d.kind === kind && d.deviceId && d.deviceId !== 'default')
      .map((d) => ({ value: d.deviceId, label: d.label })),
  ];
  return (
    <div className={classes.panel} style={{ padding: '8px 10px' }}>
      <Button
        fullWidth
        variant="subtle"
        color="gray"
        size="compact-sm"
        justify="space-between"
        rightSection={<IconChevronDown size={14} style={{ rotate: open ? '180deg' : undefined }} />}
        aria-expanded={open}
        onClick={() => setOpen(!open)}
      >
        {t('mic.settings')}
      </Button>
      <Collapse expanded={open}>
        <Stack gap="sm" p={6} pt={10}>
          <Select
            label={t('mic.microphone')}
            data={options('audioinput')}
            value={devices.microphone}
            onChange={(value) => change({ microphone: value ?? '' })}
            disabled={media === 'off'}
          />
          <Select
            label={t('mic.speaker')}
            data={options('audiooutput')}
            value={devices.speaker}
            onChange={(value) => change({ speaker: value ?? '' })}
            disabled={media === 'off'}
          />
          <Switch
            label={t('mic.processing')}
            checked={devices.processing}
            onChange={(event) => change({ processing: event.currentTarget.checked })}
            disabled={media === 'off'}
          />
          <div>
            <Text size="sm" fw={500}>
              {t('mic.ringVolume')}
            </Text>
            <Slider
              thumbLabel={t('mic.ringVolume')}
              min={0}
              max={1}
              step={0.05}
              label={null}
              value={devices.ringVolume}
              onChange={(ringVolume) => setDevices({ ...devices, ringVolume })}
              onChangeEnd={(ringVolume) => change({ ringVolume })}
            />
          </div>
          <Button
            variant="default"
            size="compact-sm"
            leftSection={<IconVolume size={15} />}
            onClick={() => phone.previewRing()}
          >
            {t('mic.preview')}
          </Button>
          {dials && 'registerProtocolHandler' in navigator && (
            <Button
              variant="default"
              size="compact-sm"
              leftSection={<IconLink size={15} />}
              onClick={() => navigator.registerProtocolHandler('tel', `${location.origin}/?dial=%s`)}
            >
              {t('dial.links')}
            </Button>
          )}
        </Stack>
      </Collapse>
    </div>
  );
}

function useDevices(active: boolean): MediaDeviceInfo[] {
  const [found, setFound] = useState<MediaDeviceInfo[]>([]);
  useEffect(() => {
    if (!active) return;
    const look = () => void navigator.mediaDevices.enumerateDevices().then(setFound);
    look();
    navigator.mediaDevices.addEventListener('devicechange', look);
    return () => navigator.mediaDevices.removeEventListener('devicechange', look);
  }, [active]);
  return found;
}
