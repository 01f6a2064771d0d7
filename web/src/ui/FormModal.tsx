import { Button, Drawer, Group, Modal, Stack } from '@mantine/core';
import type { FormEventHandler, ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { ErrorNotice } from './ErrorNotice';
import { useCloseLabel } from './useCloseLabel';

interface FormProps {
  opened: boolean;
  title: string;
  onClose: () => void;
  /** Not called while it is saving. */
  onSubmit: FormEventHandler<HTMLFormElement>;
  saving: boolean;
  error: unknown;
  children: ReactNode;
  /** Left of the buttons: delete and the like. */
  extra?: ReactNode;
  readOnly?: boolean;
  wide?: boolean;
}

function FormBody(props: FormProps) {
  const { t } = useTranslation();
  const submit: FormEventHandler<HTMLFormElement> = (event) => {
    event.preventDefault();
    if (!props.saving) props.onSubmit(event);
  };
  return (
    <form onSubmit={submit} noValidate={false}>
      <Stack gap="md">
        {props.children}
        {props.error ? <ErrorNotice error={props.error} /> : null}
        <Group justify="space-between" mt={4}>
          <div>{props.extra}</div>
          <Group gap="xs">
            <Button variant="default" onClick={props.onClose}>
              {props.readOnly ? t('close') : t('cancel')}
            </Button>
            {!props.readOnly && (
              <Button type="submit" loading={props.saving}>
                {t('save')}
              </Button>
            )}
          </Group>
        </Group>
      </Stack>
    </form>
  );
}

/** A short form in a box. */
export function FormModal(props: FormProps) {
  return (
    <Modal
      opened={props.opened}
      onClose={props.onClose}
      title={props.title}
      size={props.wide ? 'lg' : 'md'}
      closeButtonProps={useCloseLabel()}
    >
      <FormBody {...props} />
    </Modal>
  );
}

/** A long form at the side, with what it belongs to still in sight. */
export function FormDrawer(props: FormProps) {
  return (
    <Drawer
      opened={props.opened}
      onClose={props.onClose}
      title={props.title}
      size={props.wide ? 820 : 460}
      closeButtonProps={useCloseLabel()}
    >
      <FormBody {...props} />
    </Drawer>
  );
}
