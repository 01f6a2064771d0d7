import { Button, Group, Loader, Stack, Text, Textarea, Title, UnstyledButton } from '@mantine/core';
import { IconMoodEmpty, IconMoodSad, IconMoodSmile } from '@tabler/icons-react';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, body } from '../api/client';
import { LanguageSwitch } from '../login/LanguageSwitch';
import { ErrorNotice } from '../ui/ErrorNotice';
import classes from './survey.module.css';

// Drawn, because not every device has a font with faces.
const faces = [
  [5, 'satisfied', IconMoodSmile],
  [3, 'neutral', IconMoodEmpty],
  [1, 'dissatisfied', IconMoodSad],
] as const;

/** Where a customer says how their matter was settled. */
export function Survey() {
  const { t } = useTranslation('crm');
  const { token } = useParams({ from: '/survey/$token' });
  const path = { params: { path: { token } } };
  const question = useQuery({
    queryKey: ['survey', token],
    queryFn: () => body(api.POST('/api/v1/customer/surveys/{token}/open', path)),
    retry: false,
  });
  const [score, setScore] = useState(0);
  const [comment, setComment] = useState('');
  const send = useMutation({
    mutationFn: () => api.POST('/api/v1/customer/surveys/{token}', { ...path, body: { score, comment } }),
  });
  const choices =
    question.data?.scale === 'faces'
      ? faces.map(([value, name, Face]) => ({
          value,
          label: t(`survey.${name}`),
          shown: <Face size={30} stroke={1.6} />,
        }))
      : [1, 2, 3, 4, 5].map((value) => ({ value, label: t('survey.of', { score: value }), shown: String(value) }));
  return (
    <main className={classes.page}>
      <Group justify="flex-end">
        <LanguageSwitch />
      </Group>
      <div className={classes.card}>
        {question.isPending && <Loader size="sm" />}
        {question.error && <ErrorNotice error={question.error} />}
        {(question.data?.answered || send.isSuccess) && (
          <Title order={1} fz="h2" role="status">
            {t('survey.thanks')}
          </Title>
        )}
        {question.data && !question.data.answered && !send.isSuccess && (
          <form
            onSubmit={(event) => {
              event.preventDefault();
              if (score) send.mutate();
            }}
          >
            <Stack>
              <Title order={1} fz="h2">
                {t('survey.title')}
              </Title>
              <div role="radiogroup" aria-label={t('survey.title')} className={classes.choices}>
                {choices.map(({ value, label, shown }) => (
                  <UnstyledButton
                    key={value}
                    role="radio"
                    aria-checked={score === value}
                    aria-label={label}
                    className={classes.choice}
                    onClick={() => setScore(value)}
                  >
                    <span aria-hidden className={classes.mark}>
                      {shown}
                    </span>
                    {question.data?.scale === 'faces' && <Text size="xs">{label}</Text>}
                  </UnstyledButton>
                ))}
              </div>
              {question.data.scale === 'numbers' && <Text size="xs">{t('survey.ends')}</Text>}
              <Textarea
                label={t('survey.comment')}
                autosize
                minRows={3}
                maxLength={1000}
                value={comment}
                onChange={(event) => setComment(event.currentTarget.value)}
              />
              {send.error && <ErrorNotice error={send.error} />}
              <Button type="submit" disabled={!score} loading={send.isPending}>
                {t('survey.send')}
              </Button>
            </Stack>
          </form>
        )}
      </div>
    </main>
  );
}
