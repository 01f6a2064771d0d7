import { useStore, useTexts, useWidget } from './context';

export function Consent() {
  const store = useStore();
  const t = useTexts();
  const own = store.config.texts[useWidget().language];
  return (
    <main class="notice">
      <h2>{t.consentTitle}</h2>
      <p>{own?.consent || t.consent}</p>
      <button type="button" class="primary" data-action="agree" onClick={() => store.agree()}>
        {t.agree}
      </button>
      <button type="button" class="link" data-action="decline" onClick={() => store.close()}>
        {t.decline}
      </button>
    </main>
  );
}
