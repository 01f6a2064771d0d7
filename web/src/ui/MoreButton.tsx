import { Button } from '@mantine/core';
import { useTranslation } from 'react-i18next';

/** The next page of a long list. */
export function MoreButton(props: {
  query: { hasNextPage: boolean; isFetchingNextPage: boolean; fetchNextPage: () => unknown };
}) {
  const { t } = useTranslation();
  if (!props.query.hasNextPage) return null;
  return (
    <div style={{ padding: 8, textAlign: 'center' }}>
      <Button
        variant="subtle"
        size="compact-sm"
        loading={props.query.isFetchingNextPage}
        onClick={() => void props.query.fetchNextPage()}
      >
        {t('loadMore')}
      </Button>
    </div>
  );
}
