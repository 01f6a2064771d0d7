import { useCallback, useEffect, useRef, useState } from 'react';
import { Problem } from '../api/problem';
import { sentence } from '../ui/notify';
import { uploadAttachment } from './routes';
import type { Attachment } from './types';

/** A file on its way up. */
export interface Upload {
  key: string;
  name: string;
  /** 0…1 */
  done: number;
  /** What to say about it, if it has failed; what the server has refused is not tried again. */
  failed?: string;
  refused?: boolean;
  cancel: () => void;
  again: () => void;
}

/** Uploads of the composer: what has arrived is handed on, what has failed can be tried again. */
export function useUploads(arrived: (attachment: Attachment) => void): {
  uploads: Upload[];
  add: (files: Iterable<File>) => void;
} {
  const [uploads, setUploads] = useState<Upload[]>([]);
  const stops = useRef(new Set<AbortController>());
  useEffect(() => {
    const all = stops.current;
    return () => {
      for (const stop of all) stop.abort();
    };
  }, []);
  const start = useCallback(
    (file: File, key: string) => {
      const stop = new AbortController();
      stops.current.add(stop);
      const set = (change: Partial<Upload>) =>
        setUploads((list) => list.map((one) => (one.key === key ? { ...one, ...change } : one)));
      const drop = () => setUploads((list) => list.filter((one) => one.key !== key));
      const upload: Upload = {
        key,
        name: file.name,
        done: 0,
        cancel: () => {
          stop.abort();
          drop();
        },
        again: () => start(file, key),
      };
      setUploads((list) => [...list.filter((one) => one.key !== key), upload]);
      uploadAttachment(file, (done) => set({ done }), stop.signal)
        .then((attachment) => {
          drop();
          arrived(attachment);
        })
        .catch((error: Error) => {
          if (stop.signal.aborted) return;
          set({ failed: sentence(error), refused: error instanceof Problem && error.status < 500 });
        })
        .finally(() => stops.current.delete(stop));
    },
    [arrived],
  );
  const add = useCallback(
    (files: Iterable<File>) => {
      for (const file of files) start(file, crypto.randomUUID());
    },
    [start],
  );
  return { uploads, add };
}
