import { createContext, useContext } from 'react';
import en from '../i18n/en/answer.json';
import zh from '../i18n/zh/answer.json';

export type Language = 'en' | 'zh';
export type Text = keyof typeof en;

const texts: Record<Language, Record<Text, string>> = { en, zh };
const KEY = 'tandem.language';

/** What the customer chose before, else what their browser asks for. */
export function preferred(): Language {
  try {
    const kept = localStorage.getItem(KEY);
    if (kept === 'en' || kept === 'zh') return kept;
  } catch {
    // storage is blocked
  }
  const wanted = navigator.languages.find((l) => /^(en|zh)\b/i.test(l));
  return wanted?.toLowerCase().startsWith('zh') ? 'zh' : 'en';
}

export function remember(language: Language): void {
  try {
    localStorage.setItem(KEY, language);
  } catch {
    // storage is blocked: asked again the next time
  }
}

export const LanguageContext = createContext<Language>('en');

/** The page's texts; {{name}} is filled in. */
export function useTexts(): (key: Text, values?: Record<string, string | number>) => string {
  const language = useContext(LanguageContext);
  return (key, values = {}) =>
    texts[language][key].replace(/\{\{(\w+)\}\}/g, (_, name: string) => String(values[name] ?? ''));
}
