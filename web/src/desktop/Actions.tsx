import { Anchor, Button, CopyButton, Group, NumberInput, Textarea, TextInput, Title } from '@mantine/core';
import { type Icon, IconDeviceDesktop, IconFingerprint, IconPhoto, IconTextSize, IconVideo } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, body, type Schema } from '../api/client';
import { actionsQuery, type ItemOfAction } from '../api/queries';
import { useAct, useSave } from '../api/useSave';
import { ErrorNotice } from '../ui/ErrorNotice';
import { State, type Tone } from '../ui/State';
import { DateTime, Remaining } from '../ui/time';
import classes from './actions.module.css';

type Action = Schema['Action'];
type Kind = Action['kind'];

const kinds: Array<{ kind: Kind; icon: Icon }> = [
  { kind: 'verification', icon: IconFingerprint },
  { kind: 'photos', icon: IconPhoto },
  { kind: 'screenshot', icon: IconDeviceDesktop },
  { kind: 'video', icon: IconVideo },
  { kind: 'text', icon: IconTextSize },
];

const tones: Record<Action['state'], Tone> = {
  requested: 'info',
  opened: 'info',
  done: 'good',
  declined: 'warn',
  expired: 'quiet',
  cancelled: 'quiet',
};

const isOpen = (action: Action) => action.state === 'requested' || action.state === 'opened';

// The server shows a link once, to whoever asked. It stays here as long as the page does, for agents who read it out.
const links = new Map<string, string>();

/** What an agent asks the customer of a call or conversation for, how far that is, and what came of it (V3.7). */
export function Actions({ of, asking = true }: { of: ItemOfAction; asking?: boolean }) {
  const { t } = useTranslation('actions');
  const [kind, setKind] = useState<Kind>();
  const { data: actions = [] } = useQuery(actionsQuery(of));
  if (!asking && actions.length === 0) return null;
  return (
    <div className={classes.actions}>
      <Title order={3}>{t(asking ? 'title' : 'list')}</Title>
      {asking && (
        <Group gap={6}>
          {kinds.map(({ kind: one, icon: Icon }) => (
            <Button
              key={one}
              size="compact-sm"
              variant={kind === one ? 'light' : 'default'}
              leftSection={<Icon size={15} aria-hidden />}
              aria-expanded={kind === one}
              data-ask={one}
              onClick={() => setKind(kind === one ? undefined : one)}
            >
              {t(`kind.${one}`)}
            </Button>
          ))}
        </Group>
      )}
      {asking && kind && <Ask key={kind} of={of} kind={kind} close={() => setKind(undefined)} />}
      {actions.length > 0 && (
        <ul className={classes.list} aria-label={t('list')}>
          {actions.map((action) => (
            <One key={action.id} action={action} />
          ))}
        </ul>
      )}
    </div>
  );
}

function Ask({ of, kind, close }: { of: ItemOfAction; kind: Kind; close: () => void }) {
  const { t } = useTranslation(['actions', 'common']);
  const [prompt, setPrompt] = useState('');
  const [max, setMax] = useState(4);
  const ask = useSave({
    save: () =>
      body(
        api.POST('/api/v1/actions', {
          body: { ...of, kind, ...(prompt ? { prompt } : {}), ...(kind === 'photos' ? { max } : {}) },
        }),
      ),
    nouns: ['actions'],
    quiet: true,
    done: (asked) => {
      links.set(asked.id, asked.url);
      close();
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    ask.mutate();
  };
  return (
    <form className={classes.form} onSubmit={submit}>
      <Group align="flex-start" gap="xs" wrap="nowrap">
        <Textarea
          label={t('prompt')}
          description={t('promptHint')}
          autosize
          minRows={1}
          maxRows={4}
          maxLength={500}
          value={prompt}
          onChange={(event) => setPrompt(event.currentTarget.value)}
          data-autofocus
          style={{ flex: 1 }}
        />
        {kind === 'photos' && (
          <NumberInput
            label={t('max')}
            description=" "
            min={1}
            max={4}
            clampBehavior="strict"
            value={max}
            onChange={(value) => setMax(Number(value) || 4)}
            w={120}
          />
        )}
      </Group>
      {ask.error && <ErrorNotice error={ask.error} />}
      <Group gap="xs">
        <Button type="submit" size="compact-sm" loading={ask.isPending} data-action="ask">
          {t('ask')}
        </Button>
        <Button size="compact-sm" variant="default" onClick={close}>
          {t('common:cancel')}
        </Button>
      </Group>
    </form>
  );
}

function One({ action }: { action: Action }) {
  const { t } = useTranslation('actions');
  const cancel = useAct({
    act: () => api.POST('/api/v1/actions/{id}/cancel', { params: { path: { id: action.id } } }),
    nouns: ['actions'],
  });
  const open = isOpen(action);
  return (
    <li className={classes.one} data-action-id={action.id} data-state={action.state}>
      <div className={classes.head}>
        <strong>{t(`kind.${action.kind}`)}</strong>
        <span role="status">
          <State tone={tones[action.state]} pulse={open}>
            {t(`state.${action.state}`)}
          </State>
        </span>
        <span className="quiet">
          <DateTime time={action.created_at} short />
        </span>
        {open && (
          <Button size="compact-xs" variant="subtle" loading={cancel.isPending} onClick={() => cancel.mutate()}>
            {t('cancel')}
          </Button>
        )}
      </div>
      {action.prompt && <div className={`quiet ${classes.words}`}>{action.prompt}</div>}
      {open && <OpenLink action={action} />}
      <Result action={action} />
    </li>
  );
}

/** While the customer may answer: whether the link has reached them, the link itself, and how long it works. */
function OpenLink({ action }: { action: Action }) {
  const { t } = useTranslation(['actions', 'errors', 'common']);
  const link = links.get(action.id);
  const failed = action.delivery === 'failed';
  return (
    <>
      {action.state === 'requested' && (
        <div className={failed ? classes.warn : 'quiet'} role={failed ? 'alert' : undefined}>
          {failed
            ? t(`errors:${action.delivery_code}`, { defaultValue: action.delivery_detail })
            : t(`delivery.${action.delivery}`)}
        </div>
      )}
      {link && action.state === 'requested' && (
        <Group gap={6} wrap="nowrap" align="flex-end">
          <TextInput
            readOnly
            label={t('link')}
            value={link}
            style={{ flex: 1 }}
            onFocus={(event) => event.currentTarget.select()}
            data-field="link"
          />
          <CopyButton value={link}>
            {({ copied, copy }) => (
              <Button variant="default" onClick={copy}>
                {copied ? t('copied') : t('common:copy')}
              </Button>
            )}
          </CopyButton>
        </Group>
      )}
      <div className="quiet">
        {t('until')} <Remaining until={action.expires_at} />
      </div>
    </>
  );
}

function Result({ action }: { action: Action }) {
  const { t, i18n } = useTranslation('actions');
  if (action.state !== 'done') return null;
  const seen = action.verification;
  return (
    <>
      {action.answer && <blockquote className={classes.answer}>{action.answer}</blockquote>}
      {seen && (
        <div data-verified={seen.first_use ? 'new' : 'known'}>
          {seen.first_use ? (
            <div className={classes.warn}>{t('firstUse')}</div>
          ) : (
            <>
              <State tone="good">{t('verified')}</State>
              <div className="quiet">
                {t('knownSince', { date: new Date(seen.since).toLocaleDateString(i18n.language) })}
              </div>
            </>
          )}
        </div>
      )}
      {action.files.length > 0 && (
        <div className={classes.files}>
          {action.files.map((file) => (
            <FileView key={file.n} file={file} src={`/api/v1/actions/${action.id}/files/${file.n}`} />
          ))}
        </div>
      )}
    </>
  );
}

function FileView({ file, src }: { file: Schema['ActionFile']; src: string }) {
  const { t } = useTranslation('actions');
  const video = file.content_type.startsWith('video/');
  return (
    <figure className={classes.file}>
      {video ? (
        // biome-ignore lint/a11y/useMediaCaption: nobody has captions of what a customer films
        <video src={src} controls preload="metadata" aria-label={t('video')} />
      ) : (
        <img src={src} alt={t('photo', { n: file.n })} loading="lazy" />
      )}
      <figcaption>
        <Anchor href={src} download={file.name} size="xs" aria-label={t('open', { name: file.name })}>
          {t('file', { n: file.n })}
        </Anchor>
      </figcaption>
    </figure>
  );
}
