import { useState } from 'react';
import { Problem } from '../api/problem';
import { framedByOther, ownWindow, verify } from './link';
import { type Text, useTexts } from './texts';

/** The customer's device confirms. The first time it is set up, which is one more press: browsers let a device sign only after one. */
export function Verify(props: { known: boolean; done: () => void; failed: (why: unknown) => boolean }) {
  const t = useTexts();
  const [known, setKnown] = useState(props.known);
  const [setUp, setSetUp] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Text>();
  if (framedByOther()) {
    return (
      <>
        <p>{t('verifyWindowText')}</p>
        <a className="primary" href={ownWindow()} target="_blank" rel="noopener">
          {t('verifyWindow')}
        </a>
      </>
    );
  }
  if (!('PublicKeyCredential' in window) || !PublicKeyCredential.parseCreationOptionsFromJSON) {
    return (
      <p className="error" role="alert">
        {t('verifyUnable')}
      </p>
    );
  }
  const confirm = async (another: boolean) => {
    setBusy(true);
    setError(undefined);
    try {
      if (await verify(another)) return props.done();
      setKnown(true);
      setSetUp(true);
    } catch (why) {
      if (!props.failed(why))
        setError(
          why instanceof TypeError
            ? 'network'
            : why instanceof Problem && why.status >= 500
              ? 'failed'
              : 'verifyFailed',
        );
    }
    setBusy(false);
  };
  return (
    <>
      <p>{t('verifyText')}</p>
      {!known && <p className="quiet">{t('verifyFirst')}</p>}
      {setUp && <p role="status">{t('verifyReady')}</p>}
      {error && (
        <p className="error" role="alert">
          {t(error)}
        </p>
      )}
      <button type="button" className="primary" data-action="confirm" disabled={busy} onClick={() => confirm(false)}>
        {t(busy ? 'verifyBusy' : setUp ? 'verifyAgain' : known ? 'verifyStart' : 'verifySetUp')}
      </button>
      {props.known && !setUp && (
        <button type="button" className="plain" disabled={busy} onClick={() => confirm(true)}>
          {t('verifyAnother')}
        </button>
      )}
    </>
  );
}
