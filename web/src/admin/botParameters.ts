/** Parameters as people write them: a line for each, name=value. */
export function textOf(parameters: Record<string, string>): string {
  return Object.entries(parameters)
    .map(([name, value]) => `${name}=${value}`)
    .join('\n');
}

/** What is written, or nothing where a line has no name. */
export function parametersOf(text: string): Record<string, string> | undefined {
  const found: Record<string, string> = {};
  for (const line of text.split('\n')) {
    if (!line.trim()) continue;
    const at = line.indexOf('=');
    const name = at < 0 ? '' : line.slice(0, at).trim();
    if (!/^[\w.-]{1,64}$/.test(name)) return undefined;
    found[name] = line.slice(at + 1).trim();
  }
  return found;
}
