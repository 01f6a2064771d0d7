import { useEffect, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { usePhone, usePhoneState } from '../phone/react';
import { notifyNotice } from '../ui/notify';
import { AudioSettings } from './AudioSettings';
import { CallStage } from './CallStage';
import { DeviceLine } from './DeviceLine';
import { Dialer, type Linked } from './Dialer';
import { dialFailure } from './DialFailure';
import classes from './desktop.module.css';
import { IdleStage } from './IdleStage';
import { OfferStage } from './OfferStage';
import { WrapUpStage } from './WrapUpStage';

/** The telephone: one stage at a time, all of the same height. */
export function Softphone({ linked }: { linked?: Linked }) {
  const offer = usePhoneState((s) => s.offer);
  const call = usePhoneState((s) => s.call);
  useFailureWithoutWrapUp();
  return (
    <div className={classes.phone}>
      {offer ? (
        <OfferStage offer={offer} />
      ) : call?.state === 'wrap_up' ? (
        <WrapUpStage call={call} />
      ) : call ? (
        <CallStage call={call} />
      ) : (
        <>
          <IdleStage />
          <Dialer linked={linked} />
        </>
      )}
      <DeviceLine />
      <AudioSettings />
    </div>
  );
}

// Where a queue has no wrap-up, nothing is left of a call that nobody answered but a word in the corner.
function useFailureWithoutWrapUp() {
  const { t } = useTranslation('desktop');
  const phone = usePhone();
  const shown = useRef('');
  shown.current = usePhoneState((s) => s.call?.state ?? '');
  useEffect(
    () =>
      phone.onCallEnded((call) => {
        const failure = dialFailure(call);
        if (failure && call.state === 'ended' && shown.current === 'connecting') notifyNotice(t(failure));
      }),
    [phone, t],
  );
}
