import { Anchor, Text } from '@mantine/core';

/** A record of the CRM: a page of ours, or one elsewhere, in a tab of its own, so that the call's page stays. */
export function RecordLink({ url, label }: { url?: string | undefined; label: string }) {
  if (!url || !/^(https?:\/\/|\/(?!\/))/.test(url)) return <Text size="sm">{label}</Text>;
  return (
    <Anchor href={url} target="_blank" rel="noreferrer" size="sm" truncate>
      {label}
    </Anchor>
  );
}
