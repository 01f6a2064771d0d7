import { Alert, Button, Group, Loader } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { underWay } from '../phone/machine';
import type { TransferView } from '../phone/protocol';
import { usePhone } from '../phone/react';

const causes = [
  'busy',
  'declined',
  'no_answer',
  'unreachable',
  'forbidden',
  'not_found',
  'cancelled',
  'normal',
  'not_acceptable',
  'over_capacity',
  'media_lost',
];

/** How the transfer goes, with the way to take the caller back; of one that failed, why. */
export function TransferNotice({ transfer }: { transfer: TransferView }) {
  const { t } = useTranslation('desktop');
  const phone = usePhone();
  const { name } = transfer;
  if (transfer.state === 'here') return null; // the roster says more
  if (underWay(transfer)) {
    return (
      <Alert variant="light" p="sm" role="status">
        <Group justify="space-between" wrap="nowrap" gap="xs">
          <Group gap="xs" wrap="nowrap">
            <Loader size="xs" aria-hidden />
            <span style={{ overflowWrap: 'anywhere' }}>
              {t(transfer.consult ? 'consult.calling' : `transfer.${transfer.state}`, { name })}
            </span>
          </Group>
          <Button
            size="compact-sm"
            variant="default"
            style={{ flexShrink: 0 }}
            data-action="transfer-cancel"
            onClick={() => phone.dispatch({ type: 'hold', held: false })}
          >
            {t('transfer.takeBack')}
          </Button>
        </Group>
      </Alert>
    );
  }
  if (transfer.state === 'done') {
    return (
      <Alert variant="light" color="green" p="sm" role="status">
        {t('transfer.done', { name })}
      </Alert>
    );
  }
  const cause = causes.includes(transfer.cause ?? '') ? transfer.cause : 'other';
  return (
    <Alert variant="light" color={cause === 'cancelled' ? 'gray' : 'red'} p="sm" role="alert">
      {t(transfer.consult && cause === 'cancelled' ? 'consult.dismissed' : `transfer.failed.${cause}`, { name })}
    </Alert>
  );
}
