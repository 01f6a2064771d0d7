import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { useErrorText } from '../ui/errorText';
import { notifyDone, notifyFailure } from '../ui/notify';

interface SaveOptions<V, R> {
  save: (value: V) => Promise<R>;
  /** The nouns whose lists are out of date afterwards. */
  nouns: string[];
  done?: ((result: R) => void) | undefined;
  /** Says "Saved" in a corner; false for what is seen anyway. */
  quiet?: boolean;
}

/** A change to the server: refreshes what shows it and says so. Errors stay with the caller, who has the form. */
export function useSave<V = void, R = unknown>({ save, nouns, done, quiet }: SaveOptions<V, R>) {
  const queries = useQueryClient();
  const { t } = useTranslation();
  const mutation = useMutation<R, Error, V>({
    mutationFn: save,
    onSuccess: (result) => {
      for (const noun of nouns) void queries.invalidateQueries({ queryKey: [noun] });
      if (!quiet) notifyDone(t('saved'));
      done?.(result);
    },
  });
  return { ...mutation, errorText: useErrorText(mutation.error) };
}

/** Like useSave, for buttons without a form: the error is shown in a corner. */
export function useAct<V = void>(options: { act: (value: V) => Promise<unknown>; nouns: string[]; done?: () => void }) {
  const queries = useQueryClient();
  return useMutation<unknown, Error, V>({
    mutationFn: options.act,
    onSuccess: () => {
      for (const noun of options.nouns) void queries.invalidateQueries({ queryKey: [noun] });
      options.done?.();
    },
    onError: notifyFailure,
  });
}
