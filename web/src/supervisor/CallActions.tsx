import { ActionIcon, Menu, Tooltip } from '@mantine/core';
import {
  IconDots,
  IconEye,
  IconEyeOff,
  IconHeadphones,
  IconHeadphonesOff,
  IconListNumbers,
  IconMessage2,
  IconPhoneOff,
  IconPhonePlus,
  IconUserShare,
  IconUsersGroup,
} from '@tabler/icons-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useCan } from '../app/session';
import type { SupervisionMode } from '../phone/protocol';
import { useSupervision } from '../phone/supervision';
import { AssignDialog } from './AssignDialog';
import { EndDialog } from './EndDialog';
import { type CallLine, isConnected } from './filters';
import { PriorityDialog } from './PriorityDialog';
import { useCallerOf } from './useCallerOf';
import { useWatched } from './watched';

type Dialog = 'end' | 'priority' | 'assign';

/** What may be done to a call, by the person's permissions: listening as a button, the rest in a menu. */
export function CallActions({ line }: { line: CallLine }) {
  const { t } = useTranslation(['supervisor', 'common']);
  const can = useCan();
  const name = useCallerOf()(line);
  const { view, active, ready, start, stop } = useSupervision();
  const watched = useWatched();
  const [dialog, setDialog] = useState<Dialog>();
  const connected = line.call !== undefined && isConnected(line.call);
  const listening = active && view?.call === line.id;
  const monitor = connected && can('monitor', 'calls');
  const barge = connected && can('barge', 'calls');
  const assign = line.item !== undefined && can('assign', 'calls');
  const end = line.call !== undefined && can('end', 'calls');
  const close = () => setDialog(undefined);
  const mode = (to: SupervisionMode, icon: React.ReactNode) => (
    <Menu.Item leftSection={icon} disabled={!ready} onClick={() => start(line.id, to)}>
      {t(`mode.${to}`)}
    </Menu.Item>
  );
  return (
    <span style={{ display: 'inline-flex', gap: 2, justifyContent: 'flex-end' }}>
      {monitor && (
        <Tooltip label={listening ? t('stopListening') : t('mode.monitor')}>
          <ActionIcon
            variant={listening ? 'filled' : 'subtle'}
            color={listening ? 'petrol' : 'gray'}
            disabled={!ready}
            aria-pressed={listening}
            aria-label={`${listening ? t('stopListening') : t('mode.monitor')}: ${name}`}
            data-action="monitor"
            onClick={() => (listening ? stop() : start(line.id, 'monitor'))}
          >
            {listening ? <IconHeadphonesOff size={17} /> : <IconHeadphones size={17} />}
          </ActionIcon>
        </Tooltip>
      )}
      <Menu position="bottom-end" width={230} shadow="md">
        <Menu.Target>
          <ActionIcon variant="subtle" color="gray" aria-label={`${t('common:actions')}: ${name}`} data-action="more">
            <IconDots size={17} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          {barge && mode('coach', <IconMessage2 size={15} />)}
          {barge && mode('barge', <IconUsersGroup size={15} />)}
          {barge && mode('take_over', <IconPhonePlus size={15} />)}
          {connected && (
            <Menu.Item
              leftSection={watched.has(line.id) ? <IconEyeOff size={15} /> : <IconEye size={15} />}
              onClick={() => watched.toggle(line.id)}
            >
              {watched.has(line.id) ? t('unwatch') : t('watch')}
            </Menu.Item>
          )}
          {assign && (
            <Menu.Item leftSection={<IconUserShare size={15} />} onClick={() => setDialog('assign')}>
              {t('assign')}
            </Menu.Item>
          )}
          {assign && (
            <Menu.Item leftSection={<IconListNumbers size={15} />} onClick={() => setDialog('priority')}>
              {t('changePriority')}
            </Menu.Item>
          )}
          {end && (
            <>
              <Menu.Divider />
              <Menu.Item color="red" leftSection={<IconPhoneOff size={15} />} onClick={() => setDialog('end')}>
                {t('end')}
              </Menu.Item>
            </>
          )}
          {!connected && !assign && !end && <Menu.Label>{t('noActions')}</Menu.Label>}
        </Menu.Dropdown>
      </Menu>
      {dialog === 'end' && <EndDialog id={line.id} name={name} onClose={close} />}
      {dialog === 'priority' && <PriorityDialog line={line} name={name} onClose={close} />}
      {dialog === 'assign' && <AssignDialog line={line} name={name} onClose={close} />}
    </span>
  );
}
