import { useEffect, useRef, useState } from 'preact/hooks';
import { errorText, useStore, useTexts, useWidget } from './context';
import { Icon } from './Header';
import { fill } from './texts';

interface File_ {
  key: number;
  name: string;
  share: number;
  id?: string;
  kind?: string;
}

const LONGEST = 4000;
const ACCEPT = '.png,.jpg,.jpeg,.mp4,image/png,image/jpeg,video/mp4';
const allowed = /\.(png|jpe?g|mp4)$/i;
let keys = 0;

export function Composer() {
  const store = useStore();
  const { open } = useWidget();
  const t = useTexts();
  const [text, setText] = useState(store.keeper.value.draft);
  const [files, setFiles] = useState<File_[]>([]);
  const [quoted, setQuoted] = useState<{ id: string; text: string } | null>(null);
  const [error, setError] = useState('');
  const area = useRef<HTMLTextAreaElement>(null);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (open) area.current?.focus();
  }, [open]);
  useEffect(() => {
    const quote = (e: Event) => {
      setQuoted((e as CustomEvent<{ id: string; text: string }>).detail);
      area.current?.focus();
    };
    addEventListener('tandem-quote', quote);
    return () => removeEventListener('tandem-quote', quote);
  }, []);
  const write = (value: string) => {
    setText(value);
    store.typed(value);
  };
  const change = (key: number, by: Partial<File_>) =>
    setFiles((was) => was.map((f) => (f.key === key ? { ...f, ...by } : f)));
  const most = store.config.max_file;
  const refuse = (error: unknown) => setError(fill(errorText(t, error), { most: Math.floor(most / 2 ** 20) }));
  const add = (list: FileList | null) => {
    setError('');
    for (const file of list ?? []) {
      const wrong = !allowed.test(file.name) ? 'file_type_refused' : file.size > most ? 'file_too_large' : '';
      if (wrong) {
        refuse({ code: wrong });
        continue;
      }
      const key = ++keys;
      setFiles((was) => [...was, { key, name: file.name, share: 0 }]);
      store
        .upload(file, (share) => change(key, { share }))
        .then(
          (done) => change(key, { share: 1, id: done.id, kind: done.kind }),
          (e) => {
            setFiles((was) => was.filter((f) => f.key !== key));
            refuse(e);
          },
        );
    }
    if (input.current) input.current.value = '';
  };
  const ready = files.every((f) => f.id) && (text.trim() !== '' || files.length > 0);
  const send = () => {
    if (!ready) return;
    store.say({
      text: text.trim(),
      attachments: files.map((f) => ({ id: f.id as string, name: f.name, kind: f.kind ?? 'file' })),
      quote: quoted ?? undefined,
    });
    write('');
    setError('');
    setFiles([]);
    setQuoted(null);
    area.current?.focus();
  };
  return (
    <form
      class="composer"
      onSubmit={(e) => {
        e.preventDefault();
        send();
      }}
      onDragOver={(e) => e.preventDefault()}
      onDrop={(e) => {
        e.preventDefault();
        if (store.config.features.upload) add(e.dataTransfer?.files ?? null);
      }}
    >
      {error && (
        <p class="error" role="alert">
          {error}
        </p>
      )}
      {quoted && (
        <p class="quoting">
          {fill(t.replying, { text: quoted.text.slice(0, 80) })}
          <button type="button" onClick={() => setQuoted(null)}>
            {t.cancel}
          </button>
        </p>
      )}
      {files.map((f) => (
        <p key={f.key} class="upload">
          {f.id ? (
            f.name
          ) : (
            <>
              {fill(t.uploading, { name: f.name })}
              <progress value={f.share} max={1} aria-label={fill(t.uploading, { name: f.name })} />
            </>
          )}
          <button
            type="button"
            aria-label={fill(t.remove, { name: f.name })}
            onClick={() => setFiles((was) => was.filter((each) => each.key !== f.key))}
          >
            ×
          </button>
        </p>
      ))}
      <div class="row">
        {store.config.features.upload && (
          <>
            <input
              ref={input}
              type="file"
              accept={ACCEPT}
              multiple
              class="hidden"
              tabIndex={-1}
              aria-hidden="true"
              onChange={(e) => add(e.currentTarget.files)}
            />
            <button
              type="button"
              class="icon"
              aria-label={t.attach}
              title={t.attach}
              onClick={() => input.current?.click()}
            >
              <Icon path="M20 11l-8.5 8.5a5 5 0 01-7-7L13 4a3.4 3.4 0 014.8 4.8l-8.4 8.4a1.7 1.7 0 01-2.4-2.4L14.5 7.500" />
            </button>
          </>
        )}
        <textarea
          ref={area}
          rows={1}
          maxLength={LONGEST}
          value={text}
          aria-label={t.type}
          placeholder={t.type}
          onInput={(e) => write(e.currentTarget.value)}
          onPaste={(e) => {
            if (store.config.features.upload && e.clipboardData?.files.length) {
              e.preventDefault();
              add(e.clipboardData.files);
            }
          }}
          onKeyDown={(e) => {
            // While an input method composes a word, Enter chooses it.
            if (e.key !== 'Enter' || e.shiftKey || e.isComposing) return;
            e.preventDefault();
            send();
          }}
        />
        <button type="submit" class="icon send" aria-label={t.send} disabled={!ready}>
          <Icon path="M4 12l16-8-6 16-3-6-7-2z" />
        </button>
      </div>
    </form>
  );
}
