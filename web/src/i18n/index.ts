import i18next, { type Resource } from 'i18next';
import { initReactI18next } from 'react-i18next';

const files = import.meta.glob<Record<string, unknown>>('./{en,zh}/*.json', { eager: true, import: 'default' });

const resources: Resource = {};
for (const [path, texts] of Object.entries(files)) {
  const [, language, namespace] = path.match(/\.\/(\w+)\/(\w+)\.json/) as RegExpMatchArray;
  resources[language as string] = { ...resources[language as string], [namespace as string]: texts };
}

export type Language = 'en' | 'zh';
const KEY = 'tandem.language';

function preferred(): Language {
  const kept = localStorage.getItem(KEY);
  if (kept === 'en' || kept === 'zh') return kept;
  return navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en';
}

export function setLanguage(language: Language): void {
  localStorage.setItem(KEY, language);
  document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en';
  void i18next.changeLanguage(language);
}

export function startI18n(): void {
  const lng = preferred();
  document.documentElement.lang = lng === 'zh' ? 'zh-CN' : 'en';
  void i18next.use(initReactI18next).init({
    resources,
    lng,
    fallbackLng: 'en',
    defaultNS: 'common',
    interpolation: { escapeValue: false },
    initAsync: false,
    // Seen by the browser tests, which want a silent console. Names that only the data knows come with a text of their own.
    saveMissing: true,
    missingKeyHandler: (_languages, namespace, key, fallback) => {
      if (fallback === key) console.error(`text missing: ${namespace}:${key}`);
    },
  });
}
