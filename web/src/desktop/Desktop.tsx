import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { lazy, Suspense } from 'react';
import { useTranslation } from 'react-i18next';
import { useCan } from '../app/session';
import inbox from '../inbox/inbox.module.css';
import { mineQuery } from '../inbox/queries';
import { Views } from '../inbox/Views';
import { CallBar } from './CallBar';
import { CallCard } from './CallCard';
import classes from './desktop.module.css';
import { RecentCalls } from './RecentCalls';
import { Softphone } from './Softphone';

const Inbox = lazy(async () => ({ default: (await import('../inbox/Inbox')).Inbox }));

/** The agent's screen: the telephone, and beside it either the call's card or the conversations. The telephone stays where it is. */
export function Desktop() {
  const { t } = useTranslation('desktop');
  const { part, dial } = useSearch({ from: '/app/' });
  const navigate = useNavigate();
  const called = () => void navigate({ to: '/', search: ({ dial: _, ...others }) => others, replace: true });
  const chats = useCan()('read', 'conversations');
  const chatting = chats && part === 'inbox';
  return (
    <div className={chatting ? inbox.desk : classes.desktop}>
      <h1 className="sr-only">{t('title')}</h1>
      <div className={chatting ? inbox.side : classes.side}>
        {chats && <Parts chatting={chatting} />}
        <div className={chatting ? inbox.sidePhone : undefined}>
          <Softphone linked={dial ? { number: dial, called } : undefined} />
        </div>
        {chatting && (
          <>
            <div className={inbox.sideBar}>
              <CallBar everywhere />
            </div>
            <div className={inbox.sideViews}>
              <Views />
            </div>
          </>
        )}
      </div>
      {chatting ? (
        <Suspense>
          <Inbox />
        </Suspense>
      ) : (
        <>
          <CallCard />
          <RecentCalls />
        </>
      )}
    </div>
  );
}

// What is current is for us to say: the same path shows both.
const exact = { exact: true };

function Parts({ chatting }: { chatting: boolean }) {
  const { t } = useTranslation(['desktop', 'inbox']);
  const mine = useQuery(mineQuery);
  const unread = (mine.data ?? []).reduce((sum, one) => sum + one.unread, 0);
  return (
    <nav className={inbox.parts} aria-label={t('parts')}>
      <Link to="/" search={{}} activeOptions={exact} aria-current={chatting ? undefined : 'page'}>
        {t('calls')}
      </Link>
      <Link
        to="/"
        search={{ part: 'inbox' }}
        activeOptions={exact}
        aria-current={chatting ? 'page' : undefined}
        data-part="inbox"
      >
        {t('inbox:conversations')}
        {unread > 0 && (
          <span className={inbox.badge}>
            {unread > 99 ? '99+' : unread}
            <span className="sr-only"> {t('inbox:unread')}</span>
          </span>
        )}
      </Link>
    </nav>
  );
}
