import { usePhoneState } from '../phone/react';
import { AudioSettings } from './AudioSettings';
import { CallStage } from './CallStage';
import classes from './desktop.module.css';
import { IdleStage } from './IdleStage';
import { OfferStage } from './OfferStage';
import { WrapUpStage } from './WrapUpStage';

/** The telephone: one stage at a time, all of the same height. */
export function Softphone() {
  const offer = usePhoneState((s) => s.offer);
  const call = usePhoneState((s) => s.call);
  return (
    <div className={classes.phone}>
      {offer ? (
        <OfferStage offer={offer} />
      ) : call?.state === 'wrap_up' ? (
        <WrapUpStage call={call} />
      ) : call ? (
        <CallStage call={call} />
      ) : (
        <IdleStage />
      )}
      <AudioSettings />
    </div>
  );
}
