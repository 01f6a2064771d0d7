import { Menu } from '@mantine/core';
import {
  IconEye,
  IconEyeOff,
  IconListNumbers,
  IconMessage2,
  IconPhoneOff,
  IconPhonePlus,
  IconUserShare,
  IconUsersGroup,
} from '@tabler/icons-react';
import { type ReactNode, useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api } from '../api/client';
import { useCan } from '../app/session';
import type { SupervisionMode } from '../phone/protocol';
import { useSupervision } from '../phone/supervision';
import { AssignDialog } from './AssignDialog';
import { EndDialog } from './EndDialog';
import { type CallLine, isConnected } from './filters';
import { ListenButton } from './ListenButton';
import { PriorityDialog } from './PriorityDialog';
import { RowMenu } from './RowMenu';
import { useWatched } from './watched';

/** What the person may do to calls: asked once for a list, not once for a row. */
export interface CallRights {
  monitor: boolean;
  barge: boolean;
  assign: boolean;
  end: boolean;
}

export function useCallRights(): CallRights {
  const can = useCan();
  const [monitor, barge, assign, end] = [
    can('monitor', 'calls'),
    can('barge', 'calls'),
    can('assign', 'calls'),
    can('end', 'calls'),
  ];
  return useMemo(() => ({ monitor, barge, assign, end }), [monitor, barge, assign, end]);
}

interface ActionsProps {
  line: CallLine;
  name: string;
  rights: CallRights;
}

type Dialog = 'end' | 'priority' | 'assign';

/** What may be done to a call: listening as a button, the rest in a menu. */
export function CallActions({ line, name, rights }: ActionsProps) {
  const { t } = useTranslation('common');
  const [dialog, setDialog] = useState<Dialog>();
  const close = () => setDialog(undefined);
  const params = { path: { id: line.id } };
  return (
    <span style={{ display: 'inline-flex', gap: 2 }}>
      {rights.monitor && line.call && isConnected(line.call) && <ListenButton call={line.id} name={name} />}
      <RowMenu label={`${t('actions')}: ${name}`}>
        <Items line={line} rights={rights} onDialog={setDialog} />
      </RowMenu>
      {dialog === 'end' && (
        <EndDialog
          name={name}
          onClose={close}
          end={(reason) => api.POST('/api/v1/calls/{id}/end', { params, body: { reason } })}
          nouns={['calls']}
        />
      )}
      {dialog === 'priority' && (
        <PriorityDialog
          now={line.item?.priority ?? 0}
          name={name}
          onClose={close}
          save={(priority) => api.PUT('/api/v1/calls/{id}/priority', { params, body: { priority } })}
          nouns={['calls']}
        />
      )}
      {dialog === 'assign' && (
        <AssignDialog
          name={name}
          onClose={close}
          assign={(agent) => api.POST('/api/v1/items/{id}/assign', { params, body: { agent } })}
          nouns={['calls']}
        />
      )}
    </span>
  );
}

function Items(props: { line: CallLine; rights: CallRights; onDialog: (dialog: Dialog) => void }) {
  const { t } = useTranslation('supervisor');
  const { line, rights } = props;
  const { ready, start } = useSupervision();
  const watched = useWatched();
  const connected = line.call !== undefined && isConnected(line.call);
  const barge = connected && rights.barge;
  const assign = line.item !== undefined && rights.assign;
  const end = line.call !== undefined && rights.end;
  const mode = (to: SupervisionMode, icon: ReactNode) => (
    <Menu.Item leftSection={icon} disabled={!ready} onClick={() => start(line.id, to)}>
      {t(`mode.${to}`)}
    </Menu.Item>
  );
  return (
    <>
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
        <Menu.Item leftSection={<IconUserShare size={15} />} onClick={() => props.onDialog('assign')}>
          {t('assign')}
        </Menu.Item>
      )}
      {assign && (
        <Menu.Item leftSection={<IconListNumbers size={15} />} onClick={() => props.onDialog('priority')}>
          {t('changePriority')}
        </Menu.Item>
      )}
      {end && <Menu.Divider />}
      {end && (
        <Menu.Item c="var(--t-bad)" leftSection={<IconPhoneOff size={15} />} onClick={() => props.onDialog('end')}>
          {t('end')}
        </Menu.Item>
      )}
      {!connected && !assign && !end && <Menu.Label>{t('noActions')}</Menu.Label>}
    </>
  );
}
