import type { FormEvent, ReactNode } from 'react';
import { useSave } from '../api/useSave';
import { useCan } from '../app/session';
import { DeleteButton, type DeleteWords } from '../ui/DeleteButton';
import { FormDrawer } from '../ui/FormModal';

interface EditDrawerProps<V> {
  /** What is changed; null for a new one. */
  thing: { id: string; name: string } | null;
  add: string;
  edit: string;
  /** Whose permission to write is asked for; `may` where that alone does not decide. */
  noun: string;
  may?: boolean;
  /** The permission that deletes; deleting is offered with `remove` alone. */
  removeBy?: 'write' | 'delete';
  /** The lists that are out of date after a change. */
  nouns: string[];
  /** The form that gives the values; without one `save` knows them. */
  form?: { onSubmit: (send: (values: V) => void) => (event?: FormEvent<HTMLFormElement>) => void };
  save: (values: V) => Promise<unknown>;
  remove?: (id: string) => Promise<unknown>;
  /** What is asked and said where it does not delete. */
  removeWords?: DeleteWords;
  /** Other buttons, left of the one that deletes. */
  extra?: ReactNode;
  wide?: boolean;
  onClose: () => void;
  children: ReactNode;
}

/** The form of one thing of a ListPage: makes it or changes it, deletes it after a question, and shows it to who may only read. */
export function EditDrawer<V = void>(props: EditDrawerProps<V>) {
  const can = useCan();
  const { thing, form, nouns, onClose, remove } = props;
  const save = useSave({ save: props.save, nouns, done: onClose });
  const send = (values: V) => save.mutate(values);
  const may = props.may ?? can('write', props.noun);
  return (
    <FormDrawer
      opened
      wide={props.wide ?? false}
      title={thing ? props.edit : props.add}
      onClose={onClose}
      onSubmit={(event) => (form ? form.onSubmit(send)(event) : send(undefined as V))}
      saving={save.isPending}
      error={save.error}
      readOnly={!may}
      extra={
        <>
          {props.extra}
          {thing && remove && (props.may ?? can(props.removeBy ?? 'delete', props.noun)) && (
            <DeleteButton
              name={thing.name}
              act={() => remove(thing.id)}
              nouns={nouns}
              onDone={onClose}
              words={props.removeWords}
            />
          )}
        </>
      }
    >
      {props.children}
    </FormDrawer>
  );
}
