import { Button, Paper, PasswordInput, Stack, Text, TextInput, Title } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, body, isProblem } from '../api/client';
import { Logo } from '../app/Logo';
import { type Me, meQuery } from '../app/session';
import { ErrorNotice } from '../ui/ErrorNotice';
import { EnrolTOTP } from './EnrolTOTP';
import { LanguageSwitch } from './LanguageSwitch';
import classes from './login.module.css';

/** E-mail and password, then the second factor where there is one, or its set-up where the role demands one. */
export function Login() {
  const { t } = useTranslation(['login', 'common']);
  const [enrol, setEnrol] = useState(false);
  const finish = useFinish(() => setEnrol(true));
  return (
    <main className={classes.page}>
      <div className={classes.language}>
        <LanguageSwitch />
      </div>
      <Paper className={classes.box} shadow="sm" radius={12}>
        <div className={classes.brand}>
          <Logo size={40} title={t('common:product')} />
          <div>
            <Title order={1} fz={22}>
              {t('common:product')}
            </Title>
            <Text size="sm" c="dimmed">
              {t('lead')}
            </Text>
          </div>
        </div>
        {enrol ? <EnrolTOTP demanded onDone={finish} /> : <Credentials onDone={finish} />}
      </Paper>
    </main>
  );
}

function useFinish(onEnrol: () => void): (me: Me) => void {
  const queries = useQueryClient();
  const navigate = useNavigate();
  const { to } = useSearch({ from: '/login' });
  return (me) => {
    if (me.totp_needed) return onEnrol();
    queries.clear();
    queries.setQueryData(meQuery.queryKey, me);
    void navigate({ to: to ?? '/', replace: true });
  };
}

function Credentials({ onDone }: { onDone: (me: Me) => void }) {
  const { t } = useTranslation('login');
  const [email, setEmail] = useState('');
  const [password, setPassword] = useState('');
  const [code, setCode] = useState('');
  const [second, setSecond] = useState(false);
  const login = useMutation({
    mutationFn: () => body(api.POST('/api/v1/login', { body: { email, password, ...(second ? { code } : {}) } })),
    onSuccess: onDone,
    onError: (error) => {
      if (isProblem(error, 'totp_required')) setSecond(true);
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    login.mutate();
  };
  const problem = login.error && !isProblem(login.error, 'totp_required') ? login.error : null;
  return (
    <form onSubmit={submit} aria-label={t('title')}>
      <Stack gap="md">
        {second ? (
          <>
            <div>
              <Title order={2}>{t('codeTitle')}</Title>
              <Text size="sm" c="dimmed">
                {t('codeLead')}
              </Text>
            </div>
            <TextInput
              key="code"
              label={t('code')}
              name="code"
              inputMode="numeric"
              autoComplete="one-time-code"
              autoFocus
              required
              value={code}
              onChange={(event) => setCode(event.currentTarget.value)}
            />
          </>
        ) : (
          <>
            <TextInput
              key="email"
              label={t('email')}
              name="email"
              type="email"
              autoComplete="username"
              autoFocus
              required
              value={email}
              onChange={(event) => setEmail(event.currentTarget.value)}
            />
            <PasswordInput
              label={t('password')}
              name="password"
              autoComplete="current-password"
              required
              value={password}
              onChange={(event) => setPassword(event.currentTarget.value)}
            />
          </>
        )}
        {problem && <ErrorNotice error={problem} />}
        <Button type="submit" size="md" fullWidth loading={login.isPending}>
          {second ? t('confirm') : t('submit')}
        </Button>
        {second && (
          <Button variant="subtle" size="compact-sm" onClick={() => setSecond(false)}>
            {t('back')}
          </Button>
        )}
      </Stack>
    </form>
  );
}
