import { useCallback, useEffect, useRef, useState } from 'react';
import { Files } from './Files';
import { decline, isInvalid, open, type Page, tellParent } from './link';
import { type Language, LanguageContext, preferred, remember, type Text, useTexts } from './texts';
import { Verify } from './Verify';
import { Words } from './Words';

/** Where the page is: what is shown follows from it alone. */
type View =
  | { at: 'loading' }
  | { at: 'asked'; page: Page }
  | { at: 'done' }
  | { at: 'declined' }
  | { at: 'invalid' }
  | { at: 'failed' };

function viewOf(page: Page): View {
  switch (page.state) {
    case 'done':
      return { at: 'done' };
    case 'declined':
      return { at: 'declined' };
    case 'requested':
    case 'opened':
      return { at: 'asked', page };
    default:
      return { at: 'invalid' };
  }
}

/** The customer's page: what they are asked for, and the way to answer it. */
export function ActionPage() {
  const [language, setLanguage] = useState(preferred);
  const [view, setView] = useState<View>({ at: 'loading' });
  const load = useCallback(() => {
    open().then(
      (page) => setView(viewOf(page)),
      (error) => setView({ at: isInvalid(error) ? 'invalid' : 'failed' }),
    );
  }, []);
  useEffect(load, [load]);
  useEffect(() => {
    document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en';
  }, [language]);
  const shown = view.at;
  useEffect(() => {
    if (shown !== 'loading') tellParent(shown === 'asked' ? 'opened' : shown);
  }, [shown]);
  // What another window has done is seen when the customer comes back.
  useEffect(() => {
    if (shown !== 'asked') return;
    window.addEventListener('focus', load);
    return () => window.removeEventListener('focus', load);
  }, [shown, load]);
  return (
    <LanguageContext.Provider value={language}>
      <header className="head">
        <span className="from">{view.at === 'asked' ? view.page.from : ''}</span>
        <Languages
          value={language}
          onChoose={(next) => {
            remember(next);
            setLanguage(next);
          }}
        />
      </header>
      <main className="main">
        <Shown view={view} go={setView} retry={load} />
      </main>
    </LanguageContext.Provider>
  );
}

function Languages({ value, onChoose }: { value: Language; onChoose: (language: Language) => void }) {
  const t = useTexts();
  return (
    <select
      className="languages"
      aria-label={t('language')}
      value={value}
      onChange={(event) => onChoose(event.currentTarget.value === 'zh' ? 'zh' : 'en')}
    >
      <option value="en">English</option>
      <option value="zh">中文</option>
    </select>
  );
}

function Shown({ view, go, retry }: { view: View; go: (view: View) => void; retry: () => void }) {
  const t = useTexts();
  switch (view.at) {
    case 'loading':
      return (
        <p className="quiet" role="status">
          {t('loading')}
        </p>
      );
    case 'asked':
      return <Asked page={view.page} go={go} />;
    case 'failed':
      return (
        <>
          <p className="error" role="alert">
            {t('network')}
          </p>
          <button type="button" className="primary" onClick={retry}>
            {t('again')}
          </button>
        </>
      );
    default:
      return <End title={`${view.at}Title`} text={`${view.at}Text`} mark={view.at === 'done' ? '✓' : ''} />;
  }
}

function Asked({ page, go }: { page: Page; go: (view: View) => void }) {
  const t = useTexts();
  const [error, setError] = useState<Text>();
  const done = useCallback(() => go({ at: 'done' }), [go]);
  const failed = useCallback(
    (why: unknown) => {
      if (isInvalid(why)) go({ at: 'invalid' });
      return isInvalid(why);
    },
    [go],
  );
  const refuse = () =>
    decline().then(
      () => go({ at: 'declined' }),
      (why) => failed(why) || setError('failed'),
    );
  const what = page.kind === 'photos' && page.max > 1 ? t('photosUpTo', { max: page.max }) : t(page.kind);
  const until = new Date(page.expires_at).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
  return (
    <>
      <p className="quiet">{t('asks', { from: page.from })}</p>
      <h1>{what}</h1>
      {page.prompt && <p className="prompt">{page.prompt}</p>}
      {page.kind === 'text' && <Words done={done} failed={failed} />}
      {page.kind === 'verification' && <Verify known={page.device} done={done} failed={failed} />}
      {(page.kind === 'photos' || page.kind === 'screenshot' || page.kind === 'video') && (
        <Files kind={page.kind} max={page.max} done={done} failed={failed} />
      )}
      {error && (
        <p className="error" role="alert">
          {t(error)}
        </p>
      )}
      <button type="button" className="plain" data-action="decline" onClick={refuse}>
        {t('decline')}
      </button>
      <p className="quiet small">{t('until', { time: until })}</p>
    </>
  );
}

function End({ title, text, mark }: { title: Text; text: Text; mark: string }) {
  const t = useTexts();
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), []);
  return (
    <div className="end" role="status">
      {mark && (
        <div className="mark" aria-hidden>
          {mark}
        </div>
      )}
      <h1 ref={heading} tabIndex={-1}>
        {t(title)}
      </h1>
      <p className="quiet">{t(text)}</p>
    </div>
  );
}
