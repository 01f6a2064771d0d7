import {
  ActionIcon,
  Button,
  Group,
  NumberInput,
  Select,
  Stack,
  Switch,
  Tabs,
  TagsInput,
  Text,
  Textarea,
  TextInput,
} from '@mantine/core';
import { IconPlus, IconX } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import classes from '../admin.module.css';
import { freeName, languages, type WidgetForm, withText } from './widget';

/** What the widget says, by language. */
export function Texts({ form }: { form: WidgetForm }) {
  const { t } = useTranslation('channels');
  return (
    <div className={classes.panel}>
      <Text size="xs" c="dimmed" mb="xs">
        {t('widget.textsHelp')}
      </Text>
      <Tabs defaultValue={form.values.languages[0] ?? 'en'}>
        <Tabs.List mb="sm">
          {languages.map((language) => (
            <Tabs.Tab key={language} value={language}>
              {t(`languages.${language}`)}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        {languages.map((language) => (
          <Tabs.Panel key={language} value={language}>
            <Stack gap="sm">
              <TextOf form={form} language={language} name="title" label={t('widget.title')} />
              <TextOf form={form} language={language} name="greeting" label={t('widget.greeting')} long />
              <TextOf form={form} language={language} name="launcher" label={t('widget.launcher')} />
              <TextOf form={form} language={language} name="consent" label={t('widget.consentText')} long />
              <TextOf form={form} language={language} name="offline" label={t('widget.offlineText')} long />
            </Stack>
          </Tabs.Panel>
        ))}
      </Tabs>
    </div>
  );
}

interface TextProps {
  form: WidgetForm;
  language: string;
  name: 'title' | 'greeting' | 'launcher' | 'consent' | 'offline';
  label: string;
  long?: boolean;
}

function TextOf({ form, language, name, label, long }: TextProps) {
  const { texts } = form.values;
  const common = {
    label,
    lang: language === 'zh' ? 'zh-CN' : language,
    maxLength: 500,
    value: texts[language]?.[name] ?? '',
    onChange: (event: { currentTarget: { value: string } }) =>
      form.setFieldValue('texts', { ...texts, [language]: { ...texts[language], [name]: event.currentTarget.value } }),
  };
  return long ? <Textarea autosize minRows={2} {...common} /> : <TextInput {...common} />;
}

const kinds = ['text', 'email', 'tel', 'select'];

/** What is asked before the first message. */
export function FormFields({ form }: { form: WidgetForm }) {
  const { t } = useTranslation(['channels', 'common']);
  const fields = form.values.form;
  return (
    <Stack gap="sm" className={classes.panel}>
      {fields.map((field, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: its name changes while somebody types
        <div key={index} className={classes.part}>
          <Group align="end" gap="sm" wrap="nowrap">
            <TextInput
              label={t('widget.fieldName')}
              required
              maxLength={64}
              pattern="[A-Za-z0-9][A-Za-z0-9_.\-]*"
              {...form.getInputProps(`form.${index}.name`)}
            />
            <Select
              label={t('widget.fieldKind')}
              w={140}
              allowDeselect={false}
              data={kinds.map((value) => ({ value, label: t(`widget.kind.${value}`) }))}
              {...form.getInputProps(`form.${index}.kind`)}
            />
            <Switch
              label={t('widget.required')}
              pb={8}
              {...form.getInputProps(`form.${index}.required`, { type: 'checkbox' })}
            />
            <Remove label={field.name} onClick={() => form.removeListItem('form', index)} />
          </Group>
          <Group grow>
            {languages.map((language) => (
              <TextInput
                key={language}
                label={t('widget.fieldLabel', { language: t(`languages.${language}`) })}
                value={field.labels?.[language] ?? ''}
                onChange={(e) =>
                  form.setFieldValue(`form.${index}.labels`, withText(field.labels, language, e.currentTarget.value))
                }
              />
            ))}
          </Group>
          {field.kind === 'select' && (
            <TagsInput
              label={t('widget.options')}
              required={!field.options?.length}
              {...form.getInputProps(`form.${index}.options`)}
              value={field.options ?? []}
            />
          )}
        </div>
      ))}
      <Add
        label={t('widget.addField')}
        full={fields.length >= 20}
        onClick={() =>
          form.insertListItem('form', {
            name: freeName(
              'field',
              fields.map((f) => f.name),
            ),
            kind: 'text',
            required: false,
            labels: {},
          })
        }
      />
    </Stack>
  );
}

/** When the widget opens or speaks by itself. */
export function Triggers({ form }: { form: WidgetForm }) {
  const { t } = useTranslation('channels');
  const { triggers } = form.values;
  return (
    <Stack gap="sm" className={classes.panel}>
      <Text size="xs" c="dimmed">
        {t('widget.triggersHelp')}
      </Text>
      {triggers.map((trigger, index) => (
        <div key={trigger.id} className={classes.part}>
          <Group align="end" gap="sm" wrap="nowrap">
            <TextInput
              style={{ flex: 1 }}
              label={t('widget.url')}
              description={t('widget.urlHelp')}
              placeholder="https://shop.example.com/*"
              maxLength={500}
              {...form.getInputProps(`triggers.${index}.url`)}
              value={trigger.url ?? ''}
            />
            <NumberInput
              label={t('widget.seconds')}
              w={110}
              min={0}
              max={3600}
              allowDecimal={false}
              suffix={` ${t('widget.secondsUnit')}`}
              value={trigger.seconds ?? 0}
              onChange={(value) => form.setFieldValue(`triggers.${index}.seconds`, Number(value))}
            />
            <Remove
              label={`${t('widget.triggers')} ${index + 1}`}
              onClick={() => form.removeListItem('triggers', index)}
            />
          </Group>
          <Group>
            <Switch label={t('widget.opens')} {...form.getInputProps(`triggers.${index}.open`, { type: 'checkbox' })} />
            <Switch
              label={t('widget.returning')}
              {...form.getInputProps(`triggers.${index}.returning`, { type: 'checkbox' })}
            />
          </Group>
          {!trigger.open && (
            <Group grow>
              {languages.map((language) => (
                <TextInput
                  key={language}
                  label={t('widget.message', { language: t(`languages.${language}`) })}
                  maxLength={500}
                  value={trigger.messages?.[language] ?? ''}
                  onChange={(e) =>
                    form.setFieldValue(
                      `triggers.${index}.messages`,
                      withText(trigger.messages, language, e.currentTarget.value),
                    )
                  }
                />
              ))}
            </Group>
          )}
        </div>
      ))}
      <Add
        label={t('widget.addTrigger')}
        full={triggers.length >= 20}
        onClick={() =>
          form.insertListItem('triggers', {
            id: freeName(
              'trigger',
              triggers.map((x) => x.id),
            ),
            url: '',
            seconds: 10,
            open: true,
            returning: false,
            messages: {},
          })
        }
      />
    </Stack>
  );
}

function Add(props: { label: string; full: boolean; onClick: () => void }) {
  return (
    <Button
      variant="default"
      size="compact-sm"
      style={{ alignSelf: 'start' }}
      leftSection={<IconPlus size={15} />}
      disabled={props.full}
      onClick={props.onClick}
    >
      {props.label}
    </Button>
  );
}

function Remove({ label, onClick }: { label: string; onClick: () => void }) {
  const { t } = useTranslation();
  return (
    <ActionIcon variant="subtle" color="gray" size={34} aria-label={`${t('remove')}: ${label}`} onClick={onClick}>
      <IconX size={16} />
    </ActionIcon>
  );
}
