import { Button, Select, Textarea } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { CallView } from '../phone/protocol';
import { usePhone, usePhoneState } from '../phone/react';
import { Remaining } from '../ui/time';
import { DialFailure } from './DialFailure';
import classes from './desktop.module.css';
import { forgetNotes, useNotes } from './notes';
import { usePartyName } from './party';
import { TransferNotice } from './TransferNotice';
import { useDispositions } from './useDispositions';

/** After the call: what came of it. The server's timer ends it where the queue has one. */
export function WrapUpStage({ call }: { call: CallView }) {
  const { t } = useTranslation('desktop');
  const phone = usePhone();
  const partyName = usePartyName();
  const online = usePhoneState((s) => s.link === 'online');
  const dispositions = useDispositions(call);
  const [notes, setNotes] = useNotes(call.id);
  const [disposition, setDisposition] = useState<string | null>(null);
  const [tried, setTried] = useState(false);
  const rule = call.wrap_up;
  const mandatory = rule?.mode === 'mandatory' || rule?.disposition_required === true;
  const until = rule?.until ?? call.wrap_up_until;
  const missing = mandatory && dispositions.length > 0 && !disposition;
  const silent = rule?.notes_required === true && notes.trim() === '';
  const done = () => {
    setTried(true);
    if (missing || silent) return;
    phone.dispatch({ type: 'wrapUp', disposition: disposition ?? '', notes });
    forgetNotes(call.id);
  };
  return (
    <section className={`${classes.panel} ${classes.stage}`} aria-label={t('wrapUp.title')}>
      <div className={classes.stageHead}>
        <strong style={{ color: 'var(--t-warn)' }}>{t('wrapUp.title')}</strong>
        {until && (
          <span className="tnum">
            <Remaining until={until} />
          </span>
        )}
      </div>
      <div style={{ display: 'flex', flexDirection: 'column', gap: 10, flex: 1, marginTop: 8 }}>
        <div className={classes.party} style={{ fontSize: '1rem' }}>
          {partyName(call.card)}
        </div>
        <DialFailure call={call} />
        {call.transfer?.state === 'done' && <TransferNotice transfer={call.transfer} />}
        {dispositions.length > 0 && (
          <Select
            label={t('wrapUp.disposition')}
            placeholder={t('wrapUp.choose')}
            data={dispositions}
            value={disposition}
            onChange={setDisposition}
            withAsterisk={mandatory}
            error={tried && missing ? t('wrapUp.dispositionNeeded') : undefined}
            data-field="disposition"
          />
        )}
        <Textarea
          label={t('notes')}
          autosize
          minRows={3}
          maxRows={8}
          value={notes}
          onChange={(event) => setNotes(event.currentTarget.value)}
          withAsterisk={rule?.notes_required === true}
          error={tried && silent ? t('wrapUp.notesNeeded') : undefined}
          data-field="notes"
        />
      </div>
      {rule?.extend_seconds ? (
        <Button
          mt={12}
          variant="default"
          fullWidth
          disabled={!online}
          data-action="wrapup-extend"
          onClick={() => phone.dispatch({ type: 'extendWrapUp' })}
        >
          {t('wrapUp.extend', { seconds: rule.extend_seconds })}
        </Button>
      ) : null}
      <Button mt={12} size="md" fullWidth disabled={!online} data-action="wrapup-done" onClick={done}>
        {t('wrapUp.done')}
      </Button>
    </section>
  );
}
