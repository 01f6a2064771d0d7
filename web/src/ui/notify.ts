import { notifications } from '@mantine/notifications';
import i18next from 'i18next';
import { Problem } from '../api/problem';

/** Says in a corner that something is done; goes by itself. */
export function notifyDone(message: string): void {
  notifications.show({ message, color: 'petrol', autoClose: 2500, withCloseButton: false, role: 'status' });
}

/** Says in a corner what has happened without anybody's doing here; once of the same thing while it is to be seen. */
export function notifyNotice(message: string, thing?: string): void {
  notifications.show({
    id: thing,
    message,
    color: 'yellow',
    autoClose: 8000,
    role: 'alert',
    closeButtonProps: { 'aria-label': i18next.t('common:close') },
  });
}

/** Says in a corner what has failed, for buttons that have no form to say it in. */
export function notifyFailure(error: Error): void {
  notifications.show({
    message: sentence(error),
    color: 'red',
    autoClose: 8000,
    role: 'alert',
    closeButtonProps: { 'aria-label': i18next.t('common:close') },
  });
}

/** What a failure says where no hook can be used. */
export function sentence(error: Error): string {
  if (!(error instanceof Problem)) return i18next.t('errors:network');
  return i18next.exists(error.code, { ns: 'errors' }) ? i18next.t(`errors:${error.code}`) : error.message;
}
