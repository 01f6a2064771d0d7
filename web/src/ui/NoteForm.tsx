import { Button, Textarea } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import { useSave } from '../api/useSave';
import { ErrorNotice } from './ErrorNotice';

type NoteFormProps = {
  label: string;
  placeholder: string;
  action: string;
  save: (text: string) => Promise<unknown>;
  nouns: Parameters<typeof useSave>[0]['nouns'];
};

/** The field for another note. It is empty again once the note is stored. */
export function NoteForm({ label, placeholder, action, save, nouns }: NoteFormProps) {
  const [text, setText] = useState('');
  const add = useSave({ save: () => save(text), nouns, done: () => setText(''), quiet: true });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (text.trim() && !add.isPending) add.mutate();
  };
  return (
    <form onSubmit={submit} style={{ marginBlock: 8 }}>
      <Textarea
        aria-label={label}
        placeholder={placeholder}
        autosize
        minRows={2}
        maxRows={10}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
      />
      {add.error && <ErrorNotice error={add.error} m="xs" />}
      <Button type="submit" mt="xs" variant="default" loading={add.isPending} disabled={!text.trim()}>
        {action}
      </Button>
    </form>
  );
}
