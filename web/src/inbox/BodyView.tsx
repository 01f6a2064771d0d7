import { Anchor } from '@mantine/core';
import {
  IconAddressBook,
  IconHandClick,
  IconLink,
  IconMapPin,
  IconQuestionMark,
  IconTemplate,
} from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Linked } from './Linked';
import { addressOf } from './links';
import classes from './thread.module.css';
import type { Message } from './types';

/** What a message says beside text and files. */
export function BodyView({ message }: { message: Message }) {
  const { t } = useTranslation('inbox');
  const body = message.body ?? {};
  if (message.kind === 'unsupported')
    return (
      <Part icon={<IconQuestionMark size={15} />}>
        <em>{t('unsupported', { type: body.type || '?' })}</em>
      </Part>
    );
  return (
    <>
      {body.location && <LocationPart place={body.location} />}
      {body.contacts?.map((card) => (
        <Part key={card.name} icon={<IconAddressBook size={15} />}>
          <strong>{card.name}</strong>
          {[...(card.phones ?? []), ...(card.emails ?? [])].map((line) => (
            <div key={line}>
              <Linked text={line} />
            </div>
          ))}
        </Part>
      ))}
      {body.choice && !message.text && (
        <Part icon={<IconHandClick size={15} />}>{body.choice.title || body.choice.id}</Part>
      )}
      {body.link && <LinkPart link={body.link} />}
      {body.order && <OrderPart order={body.order} />}
      {body.template && (
        <Part icon={<IconTemplate size={15} />}>
          <span className={classes.small}>{t('templateNamed', { name: body.template.name })}</span>
          {!message.text && body.template.preview && <div className={classes.text}>{body.template.preview}</div>}
        </Part>
      )}
      {body.options && (
        <ul className={classes.options} aria-label={t('options')}>
          {body.options.map((option) => (
            <li key={option.id}>{option.title}</li>
          ))}
        </ul>
      )}
    </>
  );
}

function Part({ icon, children }: { icon: ReactNode; children: ReactNode }) {
  return (
    <div className={classes.part}>
      <span aria-hidden>{icon}</span>
      <div>{children}</div>
    </div>
  );
}

function LocationPart({ place }: { place: NonNullable<Message['body']['location']> }) {
  const { t } = useTranslation('inbox');
  const { latitude, longitude } = place;
  const where = `${latitude.toFixed(5)}, ${longitude.toFixed(5)}`;
  return (
    <Part icon={<IconMapPin size={15} />}>
      {place.name && <strong>{place.name}</strong>}
      {place.address && <div>{place.address}</div>}
      <Anchor
        href={`https://www.openstreetmap.org/?mlat=${latitude}&mlon=${longitude}#map=16/${latitude}/${longitude}`}
        target="_blank"
        rel="noopener noreferrer"
        inherit
      >
        {t('map')} {where}
      </Anchor>
    </Part>
  );
}

function LinkPart({ link }: { link: NonNullable<Message['body']['link']> }) {
  const href = addressOf(link.url);
  return (
    <Part icon={<IconLink size={15} />}>
      {link.title && <div>{link.title}</div>}
      {href ? (
        <Anchor href={href} target="_blank" rel="noopener noreferrer" inherit>
          {link.url}
        </Anchor>
      ) : (
        link.url
      )}
    </Part>
  );
}

function OrderPart({ order }: { order: NonNullable<Message['body']['order']> }) {
  const { t, i18n } = useTranslation('inbox');
  return (
    <table className={classes.order}>
      <thead>
        <tr>
          <th scope="col">{t('product')}</th>
          <th scope="col">{t('quantity')}</th>
          <th scope="col">{t('price')}</th>
        </tr>
      </thead>
      <tbody>
        {order.map((item) => (
          <tr key={item.product}>
            <td>{item.product}</td>
            <td>{item.quantity}</td>
            <td>{money(item.price, item.currency, i18n.language)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function money(price: number, currency: string, language: string): string {
  try {
    return new Intl.NumberFormat(language, { style: 'currency', currency }).format(price);
  } catch {
    return `${price} ${currency}`; // no code that the browser knows
  }
}
