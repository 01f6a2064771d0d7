import { Button, Group, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { meQuery } from '../app/session';
import classes from './demo.module.css';

/** A page of a CRM with the agent panel in it, as docs/panel.md tells to make one. */
export function PanelHost() {
  const { t } = useTranslation('panel');
  const me = useQuery(meQuery);
  const frame = useRef<HTMLIFrameElement>(null);
  const [number, setNumber] = useState('1003');
  const [log, setLog] = useState<string[]>([]);
  useEffect(() => {
    const heard = (event: MessageEvent) => {
      if (event.source !== frame.current?.contentWindow || event.origin !== window.location.origin) return;
      setLog((before) => [JSON.stringify(event.data), ...before].slice(0, 50));
    };
    window.addEventListener('message', heard);
    return () => window.removeEventListener('message', heard);
  }, []);
  const say = (message: object) =>
    frame.current?.contentWindow?.postMessage({ tandem: 1, ...message }, window.location.origin);
  if (!me.data) return <p>{t('signInLead')}</p>;
  return (
    <div className={classes.page}>
      <main className={classes.main}>
        <h1>{t('hostTitle')}</h1>
        <p className={classes.lead}>{t('hostLead')}</p>
        <Group align="end">
          <TextInput label={t('number')} value={number} onChange={(event) => setNumber(event.currentTarget.value)} />
          <Button onClick={() => say({ type: 'dial', number })}>{t('dial')}</Button>
        </Group>
        <iframe
          ref={frame}
          title={t('title')}
          src={`/panel/${me.data.tenant}`}
          allow="microphone; autoplay"
          width={380}
          height={680}
          style={{ border: '1px solid var(--t-line)', borderRadius: 10, marginTop: 16 }}
        />
        <h2>{t('log')}</h2>
        <pre style={{ whiteSpace: 'pre-wrap' }}>{log.join('\n')}</pre>
      </main>
    </div>
  );
}
