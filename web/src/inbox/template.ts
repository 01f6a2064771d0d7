import type { Template } from './types';

/** A value that a template asks for: its key ("body.1"), and what its author gave as an example. */
export interface Variable {
  key: string;
  example: string;
}

/** All that a template asks for, in the order in which it is read. */
export function variablesOf(template: Template): Variable[] {
  return template.components.flatMap((part) => [
    ...(part.variables ?? []).map((key, index) => ({ key, example: part.examples?.[index] ?? '' })),
    ...(part.buttons ?? []).flatMap((button) => (button.variables ?? []).map((key) => ({ key, example: '' }))),
  ]);
}

/** What a variable is called to people: "body.1" is the text's 1, "button.0.1" the first button's. Other names are their author's. */
export function partOf(key: string): { part: 'header' | 'body' | 'button' | ''; n: number; name: string } {
  const found = /^(header|body|button)\.(?:(\d+)\.)?(.+)$/.exec(key);
  if (!found) return { part: '', n: 0, name: key };
  return { part: found[1] as 'header' | 'body' | 'button', n: Number(found[2] ?? 0) + 1, name: found[3] as string };
}

/** A text of a template with its values; what is still missing is shown by its name. */
export function filled(text: string, part: string, values: Record<string, string>): string {
  return text.replace(/\{\{\s*([\w.]+)\s*\}\}/g, (_, name: string) => {
    // WeChat writes {{order.DATA}} for the variable "order".
    const value = values[`${part}.${name.replace(/\.DATA$/, '')}`]?.trim();
    return value || `[${name}]`;
  });
}

/** The kind of file that the header wants, if it wants one. */
export function headerFile(template: Template): 'image' | 'video' | 'file' | undefined {
  const header = template.components.find((part) => part.type === 'HEADER');
  switch (header?.format) {
    case 'IMAGE':
      return 'image';
    case 'VIDEO':
      return 'video';
    case 'DOCUMENT':
      return 'file';
    default:
      return undefined;
  }
}

/** What the customer will read. */
export function previewOf(template: Template, values: Record<string, string>): string {
  return template.components
    .filter((part) => part.text)
    .map((part) => filled(part.text ?? '', part.type.toLowerCase(), values))
    .join('\n\n');
}
