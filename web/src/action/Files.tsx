import { type ChangeEvent, useEffect, useRef, useState } from 'react';
import { Problem } from '../api/problem';
import { finish, sendFile } from './link';
import { type Text, useTexts } from './texts';

type Kind = 'photos' | 'screenshot' | 'video';

// What the server takes (smartactions/action.go).
const MEGABYTES = { photos: 15, screenshot: 15, video: 25 };
const TYPES = {
  photos: 'image/jpeg,image/png',
  screenshot: 'image/jpeg,image/png',
  video: 'video/mp4,video/quicktime',
};
const words: Record<Kind, { take: Text; choose: Text; hint: Text; wrong: Text }> = {
  photos: { take: 'photoTake', choose: 'photoChoose', hint: 'photoHint', wrong: 'wrongPicture' },
  screenshot: { take: 'screenTake', choose: 'screenChoose', hint: 'screenHint', wrong: 'wrongPicture' },
  video: { take: 'videoTake', choose: 'videoChoose', hint: 'videoHint', wrong: 'wrongVideo' },
};

interface Chosen {
  id: number;
  file: Blob;
  name: string;
  url: string;
}

let chosenSoFar = 0;

/** Photos, a screenshot or a video: chosen, looked at, sent. */
export function Files(props: { kind: Kind; max: number; done: () => void; failed: (why: unknown) => boolean }) {
  const { kind, max } = props;
  const t = useTexts();
  const [chosen, setChosen] = useState<Chosen[]>([]);
  const [error, setError] = useState('');
  const [progress, setProgress] = useState<number>();
  const all = useRef(chosen);
  all.current = chosen;
  useEffect(
    () => () => {
      for (const c of all.current) URL.revokeObjectURL(c.url);
    },
    [],
  );
  const w = words[kind];
  const sending = progress !== undefined;

  const add = (files: File[]) => {
    setError('');
    const fit: Chosen[] = [];
    for (const file of files) {
      if (!TYPES[kind].split(',').includes(file.type)) setError(t(w.wrong, { name: file.name }));
      else if (file.size > MEGABYTES[kind] << 20) setError(t('tooLarge', { name: file.name, most: MEGABYTES[kind] }));
      else fit.push({ id: chosenSoFar++, file, name: file.name, url: URL.createObjectURL(file) });
    }
    if (max === 1 && fit.length > 0) {
      for (const c of chosen) URL.revokeObjectURL(c.url);
      setChosen(fit.slice(0, 1));
      return;
    }
    if (chosen.length + fit.length > max) setError(t('full', { max }));
    setChosen([...chosen, ...fit].slice(0, max));
  };
  const remove = (gone: Chosen) => {
    URL.revokeObjectURL(gone.url);
    setChosen(chosen.filter((c) => c !== gone));
  };
  const send = async () => {
    setError('');
    setProgress(0);
    try {
      for (const [i, c] of chosen.entries())
        await sendFile(i + 1, c.file, (part) => setProgress((i + part) / chosen.length));
      await finish();
      props.done();
    } catch (why) {
      setProgress(undefined);
      if (props.failed(why)) return;
      setError(t(!(why instanceof Problem) ? 'network' : why.status === 422 ? 'refusedFile' : 'failed'));
    }
  };

  return (
    <>
      <div className="pick" hidden={sending}>
        {kind === 'screenshot' ? (
          <Screen label={t(w.take)} add={add} failed={() => setError(t('captureFailed'))} />
        ) : null}
        {kind !== 'screenshot' && (
          <Picker label={t(w.take)} kind={kind} add={add} capture disabled={max > 1 && chosen.length >= max} />
        )}
        <Picker
          label={t(w.choose)}
          kind={kind}
          add={add}
          several={max > 1}
          disabled={max > 1 && chosen.length >= max}
        />
      </div>
      <p className="quiet small">{t(w.hint)}</p>
      {chosen.length > 0 && (
        <ul className="chosen" aria-label={t('chosen', { count: chosen.length, max })}>
          {chosen.map((c) => (
            <li key={c.id}>
              {kind === 'video' ? (
                // biome-ignore lint/a11y/useMediaCaption: nobody has captions of what was filmed a minute ago
                <video src={c.url} controls playsInline />
              ) : (
                <img src={c.url} alt={c.name} />
              )}
              {!sending && (
                <button
                  type="button"
                  className="remove"
                  aria-label={t('remove', { name: c.name })}
                  onClick={() => remove(c)}
                >
                  ×
                </button>
              )}
            </li>
          ))}
        </ul>
      )}
      {error && (
        <p className="error" role="alert">
          {error}
        </p>
      )}
      {sending ? (
        <div>
          <progress max={1} value={progress} aria-label={t('send')} />
          <p className="quiet" role="status">
            {t('sending', { percent: Math.round(progress * 100) })}
          </p>
        </div>
      ) : (
        <button type="button" className="primary" data-action="send" disabled={chosen.length === 0} onClick={send}>
          {t('send')}
        </button>
      )}
    </>
  );
}

function Picker(props: {
  label: string;
  kind: Kind;
  add: (files: File[]) => void;
  capture?: boolean;
  several?: boolean;
  disabled?: boolean;
}) {
  const change = (event: ChangeEvent<HTMLInputElement>) => {
    props.add([...(event.currentTarget.files ?? [])]);
    event.currentTarget.value = ''; // the same file may be chosen again
  };
  return (
    <label className={props.capture ? 'button camera' : 'button'} data-disabled={props.disabled || undefined}>
      {props.label}
      <input
        type="file"
        accept={TYPES[props.kind]}
        multiple={props.several ?? false}
        disabled={props.disabled ?? false}
        onChange={change}
        {...(props.capture ? { capture: 'environment' as const } : {})}
      />
    </label>
  );
}

/** Takes a picture of a window that the customer chooses; where browsers cannot, the file picker beside it does. */
function Screen({ label, add, failed }: { label: string; add: (files: File[]) => void; failed: () => void }) {
  if (!navigator.mediaDevices?.getDisplayMedia) return null;
  const capture = async () => {
    try {
      add([await screenshot()]);
    } catch (why) {
      if (!(why instanceof DOMException && why.name === 'NotAllowedError')) failed(); // that is a customer who thought better of it
    }
  };
  return (
    <button type="button" className="button" data-action="capture" onClick={capture}>
      {label}
    </button>
  );
}

async function screenshot(): Promise<File> {
  const stream = await navigator.mediaDevices.getDisplayMedia({ video: true, audio: false });
  try {
    const video = document.createElement('video');
    video.muted = true;
    video.srcObject = stream;
    await video.play();
    const canvas = document.createElement('canvas');
    canvas.width = video.videoWidth;
    canvas.height = video.videoHeight;
    canvas.getContext('2d')?.drawImage(video, 0, 0);
    const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, 'image/png'));
    if (!blob) throw new Error('no picture');
    return new File([blob], 'screen.png', { type: 'image/png' });
  } finally {
    for (const track of stream.getTracks()) track.stop();
  }
}
