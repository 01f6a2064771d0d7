import { Alert, Button, Drawer, Group, Stack } from '@mantine/core';
import { IconCheck, IconPhoneOutgoing, IconRotate, IconUserCheck } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { api, body, type Schema } from '../api/client';
import { queuesQuery, voicemailPeaksQuery } from '../api/queries';
import { useAct } from '../api/useSave';
import { usePeople } from '../app/people';
import { useCan, useMe } from '../app/session';
import { Player } from '../recordings/Player';
import { notifyDone } from '../ui/notify';
import { Tag } from '../ui/State';
import { DateTime } from '../ui/time';
import { useCloseLabel } from '../ui/useCloseLabel';
import classes from './voicemails.module.css';

type Step = Schema['VoicemailStep']['step'];

/** One message: to listen to, to see to, to call back. */
export function Message({ mail, onClose }: { mail: Schema['VoicemailRow']; onClose: () => void }) {
  const { t } = useTranslation(['voicemail', 'common']);
  const can = useCan();
  const me = useMe();
  const close = useCloseLabel();
  const { nameOf } = usePeople();
  const queues = useQuery(queuesQuery);
  const path = { id: mail.id };
  const step = useAct({
    act: (name: Step) => body(api.POST('/api/v1/voicemails/{id}/steps', { params: { path }, body: { step: name } })),
    nouns: ['voicemails'],
  });
  const callBack = useAct({
    act: () => body(api.POST('/api/v1/voicemails/{id}/callback', { params: { path } })),
    nouns: ['callbacks'],
    done: () => notifyDone(t('calledBack')),
  });
  const clips = useMemo(
    () => [
      {
        id: mail.id,
        name: `voicemail-${mail.id}.wav`,
        seconds: mail.seconds,
        url: `/api/v1/voicemails/${mail.id}/audio`,
        peaks: voicemailPeaksQuery(mail.id),
      },
    ],
    [mail.id, mail.seconds],
  );
  const writes = can('write', 'voicemails');
  const done = mail.state === 'done';
  return (
    <Drawer
      opened
      onClose={onClose}
      position="right"
      size="lg"
      title={[mail.name, mail.number].filter(Boolean).join(' · ') || t('common:withheld')}
      closeButtonProps={close}
    >
      <Stack gap="lg" data-voicemail={mail.id}>
        {mail.playable ? (
          <Player parts={clips} mono onPlay={() => mail.state === 'unread' && writes && step.mutate('listen')} />
        ) : (
          <Alert variant="light" color="gray" role="status">
            {t('onItsWay')}
          </Alert>
        )}
        <dl className={classes.facts}>
          <dt>{t('left')}</dt>
          <dd>
            <DateTime time={mail.left_at} />
          </dd>
          <dt>{t('box')}</dt>
          <dd>
            {mail.agent_id ? nameOf(mail.agent_id) : (queues.data?.find((q) => q.id === mail.queue_id)?.name ?? '–')}
          </dd>
          <dt>{t('why')}</dt>
          <dd>
            <Tag tone={mail.why === 'after_hours' ? 'warn' : 'quiet'}>{t(`whys.${mail.why}`)}</Tag>
          </dd>
          {mail.withheld && (
            <>
              <dt>{t('number')}</dt>
              <dd>{mail.number ? t('typed', { number: mail.number }) : t('noNumber')}</dd>
            </>
          )}
          <dt>{t('assigned')}</dt>
          <dd>{nameOf(mail.assigned_to) || '–'}</dd>
          {mail.ticket_id && (
            <>
              <dt>{t('ticket')}</dt>
              <dd>
                <Link to="/tickets/$id" params={{ id: mail.ticket_id }}>
                  {t('openTicket')}
                </Link>
              </dd>
            </>
          )}
        </dl>
        {writes && (
          <Group gap="xs">
            {!done && mail.assigned_to !== me.id && (
              <Button
                variant="default"
                leftSection={<IconUserCheck size={16} />}
                onClick={() => step.mutate('assign')}
                data-action="assign"
              >
                {t('take')}
              </Button>
            )}
            {mail.state === 'assigned' && (
              <Button variant="default" onClick={() => step.mutate('release')}>
                {t('release')}
              </Button>
            )}
            {mail.number && mail.queue_id && !done && (
              <Button
                variant="default"
                leftSection={<IconPhoneOutgoing size={16} />}
                loading={callBack.isPending}
                onClick={() => callBack.mutate()}
                data-action="call-back"
              >
                {t('callBack')}
              </Button>
            )}
            {done ? (
              <Button
                variant="default"
                leftSection={<IconRotate size={16} />}
                onClick={() => step.mutate('reopen')}
                data-action="reopen"
              >
                {t('reopen')}
              </Button>
            ) : (
              <Button leftSection={<IconCheck size={16} />} onClick={() => step.mutate('finish')} data-action="finish">
                {t('finish')}
              </Button>
            )}
          </Group>
        )}
      </Stack>
    </Drawer>
  );
}
