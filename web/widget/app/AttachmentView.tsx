import { useEffect, useState } from 'preact/hooks';
import type { Attachment } from '../protocol';
import { useStore, useTexts } from './context';
import { fill } from './texts';

/** A file: pictures and films are shown, everything else is there to be opened. */
export function AttachmentView({ a }: { a: Attachment }) {
  const store = useStore();
  const t = useTexts();
  const [address, setAddress] = useState('');
  const shows = a.state === 'stored' && (a.kind === 'image' || a.kind === 'sticker' || a.kind === 'video');
  useEffect(() => {
    if (!shows) return;
    let gone = false;
    let made = '';
    store.file(a.id).then(
      (url) => {
        made = url;
        if (gone) URL.revokeObjectURL(url);
        else setAddress(url);
      },
      () => {},
    );
    return () => {
      gone = true;
      if (made) URL.revokeObjectURL(made);
    };
  }, [a.id, shows, store]);
  if (a.state === 'pending') return <p class="file">{fill(t.filePending, { name: a.name })}</p>;
  if (a.state !== 'stored') return <p class="file">{fill(t.fileGone, { name: a.name })}</p>;
  if (shows && address && a.kind !== 'video') {
    return (
      <a href={address} download={a.name} class="picture">
        <img src={address} alt={a.name} width={a.width} height={a.height} />
      </a>
    );
  }
  if (shows && address) {
    // biome-ignore lint/a11y/useMediaCaption: customers' films have no captions
    return <video src={address} controls preload="metadata" aria-label={a.name} />;
  }
  return (
    <button
      type="button"
      class="file"
      onClick={async () => {
        const link = document.createElement('a');
        link.href = await store.file(a.id);
        link.download = a.name;
        link.click();
        setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
      }}
    >
      {fill(t.file, { name: a.name })}
    </button>
  );
}
