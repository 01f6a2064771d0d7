import { Kbd, Modal } from '@mantine/core';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import classes from '../inbox/inbox.module.css';
import { useCloseLabel } from '../ui/useCloseLabel';

const groups = {
  call: [
    ['Alt+A', 'accept'],
    ['Alt+D', 'decline'],
    ['Alt+M', 'mute'],
    ['Alt+H', 'hold'],
    ['Alt+R', 'record'],
    ['Alt+T', 'transfer'],
    ['Alt+O', 'consult'],
    ['Alt+B', 'join'],
    ['Alt+X', 'hangup'],
    ['Alt+P', 'dial'],
  ],
  list: [
    ['Alt+J', 'next'],
    ['Alt+K', 'previous'],
    ['Alt+Q', 'search'],
    ['↑ ↓ Home End', 'rows'],
  ],
  conversation: [
    ['Alt+W', 'write'],
    ['Alt+N', 'note'],
    ['Enter', 'send'],
    ['Shift+Enter', 'line'],
    ['/', 'canned'],
    ['@', 'mention'],
    ['Alt+G', 'take'],
    ['Alt+T', 'transfer'],
    ['Alt+Z', 'snooze'],
    ['Alt+E', 'close'],
    ['Alt+C', 'details'],
  ],
} as const;

/** All keys on one sheet: opened by the question mark where nobody writes, and by Alt+/ everywhere. */
export function ShortcutSheet() {
  const { t } = useTranslation('desktop');
  const [opened, setOpened] = useState(false);
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      const writing =
        event.target instanceof HTMLElement && event.target.closest('input, textarea, select, [contenteditable]');
      const asked =
        (event.key === '?' && !writing && !event.altKey && !event.ctrlKey) || (event.altKey && event.code === 'Slash');
      if (!asked) return;
      event.preventDefault();
      setOpened((open) => !open);
    };
    window.addEventListener('keydown', pressed);
    return () => window.removeEventListener('keydown', pressed);
  }, []);
  return (
    <Modal
      opened={opened}
      onClose={() => setOpened(false)}
      title={t('keys.title')}
      size="xl"
      closeButtonProps={useCloseLabel()}
    >
      <div className={classes.keys}>
        {Object.entries(groups).map(([group, keys]) => (
          <section key={group}>
            <h3>{t(`keys.${group}.title`)}</h3>
            <dl>
              {keys.map(([key, name]) => (
                <div key={key} style={{ display: 'contents' }}>
                  <dt>
                    <Kbd size="xs">{key}</Kbd>
                  </dt>
                  <dd>{t(`keys.${group}.${name}`)}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Modal>
  );
}
