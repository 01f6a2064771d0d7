import { createHash, createHmac } from 'node:crypto';
import { url } from './browser';

// What customers do on other people's platforms, as these post it to the hooks of the demo's accounts, signed with the demo's secrets.

/** One thing that a customer does. */
export interface Act {
  text?: string;
  file?: { name: string; caption: string };
  place?: { name: string; address: string };
  card?: { name: string; phone: string };
  link?: { title: string; address: string };
  /** The title of the button that was pressed. */
  button?: string;
}

interface Post {
  body: string;
  headers: Record<string, string>;
  query?: string;
}

interface Platform {
  customer: string;
  /** The request; undefined where the platform's customers cannot do that. */
  post: (n: number, name: string, act: Act) => Post | undefined;
}

const seconds = () => Math.floor(Date.now() / 1000);
const mac = (algorithm: string, key: string, text: string) => createHmac(algorithm, key).update(text);
const at = { latitude: 1, longitude: 2 };

function signed(header: string, sign: (body: string) => string, what: unknown): Post {
  const body = JSON.stringify(what);
  return { body, headers: { 'Content-Type': 'application/json', [header]: sign(body) } };
}

const meta = (what: unknown) =>
  signed('X-Hub-Signature-256', (body) => `sha256=${mac('sha256', 'app-secret-for-tests', body).digest('hex')}`, what);

const whatsapp: Platform = {
  customer: '15551230777',
  post(n, name, { text, file, place, card, button }) {
    const said =
      (text && { type: 'text', text: { body: text } }) ||
      (file && {
        type: 'document',
        document: { id: `M${n}`, mime_type: 'application/pdf', filename: file.name, caption: file.caption },
      }) ||
      (place && { type: 'location', location: { ...at, ...place } }) ||
      (card && {
        type: 'contacts',
        contacts: [{ name: { formatted_name: card.name }, phones: [{ phone: card.phone }] }],
      }) ||
      (button && {
        type: 'interactive',
        interactive: { type: 'button_reply', button_reply: { id: '1', title: button } },
      });
    if (!said) return undefined;
    const from = whatsapp.customer;
    const value = {
      messaging_product: 'whatsapp',
      metadata: { display_phone_number: '15550001111', phone_number_id: 'PN1' },
      contacts: [{ profile: { name }, wa_id: from }],
      messages: [{ from, id: `wamid.${n}`, timestamp: String(seconds()), ...said }],
    };
    return meta({
      object: 'whatsapp_business_account',
      entry: [{ id: 'WABA1', changes: [{ field: 'messages', value }] }],
    });
  },
};

/** Messenger and Instagram: they do not tell names with messages. */
function page(object: string, id: string, customer: string): Platform {
  return {
    customer,
    post(n, _, { text, link, button }) {
      const mid = `m_${object}_${n}`;
      const said =
        (text && { message: { mid, text } }) ||
        (link && {
          message: {
            mid,
            attachments: [{ type: 'fallback', title: link.title, url: link.address, payload: { url: link.address } }],
          },
        }) ||
        (button && { postback: { mid, title: button, payload: 'P' } });
      if (!said) return undefined;
      const event = { sender: { id: customer }, recipient: { id }, timestamp: Date.now(), ...said };
      return meta({ object, entry: [{ id, time: Date.now(), messaging: [event] }] });
    },
  };
}

const cdata = (text: string) => `<![CDATA[${text.replaceAll(']]>', ']]]]><![CDATA[>')}]]>`;

const wechat: Platform = {
  customer: 'oUSERhostile',
  post(n, _, { text, place, link }) {
    const said =
      (text && `<MsgType>text</MsgType><Content>${cdata(text)}</Content>`) ||
      (place &&
        `<MsgType>location</MsgType><Location_X>1</Location_X><Location_Y>2</Location_Y><Label>${cdata(place.name)}</Label>`) ||
      (link &&
        `<MsgType>link</MsgType><Title>${cdata(link.title)}</Title><Url>${cdata(link.address)}</Url><Description>${cdata(link.title)}</Description>`);
    if (!said) return undefined;
    const ids = `<ToUserName>gh_acct</ToUserName><FromUserName>${wechat.customer}</FromUserName>`;
    const time = String(seconds());
    const signature = createHash('sha1')
      .update(['wechat-token', time, `${n}`].sort().join(''))
      .digest('hex');
    return {
      body: `<xml>${ids}<CreateTime>${time}</CreateTime>${said}<MsgId>${n}</MsgId></xml>`,
      headers: { 'Content-Type': 'text/xml' },
      query: `?${new URLSearchParams({ signature, timestamp: time, nonce: `${n}`, openid: wechat.customer })}`,
    };
  },
};

const line: Platform = {
  customer: 'U000000000000000000000000000a0777',
  post(n, _, { text, file, place, button }) {
    const said =
      (text && { type: 'text', text }) ||
      (file && { type: 'file', fileName: file.name, fileSize: 2138 }) ||
      (place && { type: 'location', title: place.name, address: place.address, ...at });
    const event = said
      ? { type: 'message', message: { id: `${n}`, quoteToken: 'q', ...said } }
      : button && { type: 'postback', postback: { data: button } };
    if (!event) return undefined;
    const common = { mode: 'active', timestamp: Date.now(), webhookEventId: `E${n}`, replyToken: `r${n}` };
    const source = { type: 'user', userId: line.customer };
    return signed('x-line-signature', (body) => mac('sha256', 'line-channel-secret', body).digest('base64'), {
      destination: 'U00000000000000000000000000000001',
      events: [{ ...common, source, ...event }],
    });
  },
};

const telegram: Platform = {
  customer: '987655555',
  post(n, name, { text, file, place, card }) {
    const said =
      (text && { text }) ||
      (file && {
        document: { file_id: `F${n}`, file_unique_id: `u${n}`, file_name: file.name, file_size: 900 },
        caption: file.caption,
      }) ||
      (place && { venue: { location: at, title: place.name, address: place.address } }) ||
      (card && { contact: { first_name: card.name, phone_number: card.phone } });
    if (!said) return undefined;
    const from = { id: Number(telegram.customer), is_bot: false, first_name: name, username: name };
    const message = { message_id: n, date: seconds(), from, chat: { ...from, type: 'private' }, ...said };
    return signed('X-Telegram-Bot-Api-Secret-Token', () => 'telegram-secret', { update_id: n, message });
  },
};

const viber: Platform = {
  customer: '01AB000777==',
  post(n, name, { text, file, card, link }) {
    const said =
      (text && { type: 'text', text }) ||
      (file && { type: 'file', media: 'https://dl.viber.com/f', file_name: file.name, size: 900 }) ||
      (card && { type: 'contact', contact: { name: card.name, phone_number: card.phone } }) ||
      (link && { type: 'url', media: link.address });
    return (
      said &&
      signed('X-Viber-Content-Signature', (body) => mac('sha256', 'viber-auth-token', body).digest('hex'), {
        event: 'message',
        timestamp: Date.now(),
        message_token: n,
        sender: { id: viber.customer, name, avatar: 'javascript:alert(1)', country: 'DE', language: 'de' },
        message: said,
      })
    );
  },
};

const sms: Platform = {
  customer: '+14155550777',
  post(n, _, { text }) {
    if (!text) return undefined;
    const form = { MessageSid: `SM${n}`, From: sms.customer, To: '+14155550199', Body: text, NumMedia: '0' };
    const fields = Object.entries(form).sort(([a], [b]) => (a < b ? -1 : 1));
    const over = `https://cc.example.test/hooks/sms/demo${fields.flat().join('')}`;
    return {
      body: new URLSearchParams(form).toString(),
      headers: {
        'Content-Type': 'application/x-www-form-urlencoded',
        'X-Twilio-Signature': mac('sha1', 'twilio-auth-token', over).digest('base64'),
      },
    };
  },
};

export const platforms = {
  whatsapp,
  messenger: page('page', 'PAGE1', 'PSID777'),
  instagram: page('instagram', 'IG1', 'IGSID777'),
  wechat,
  line,
  telegram,
  viber,
  sms,
};

let posted = Date.now() % 1_000_000_000;

/** Has a platform's customer do something: the body that was posted, or nothing where they cannot. */
export async function deliver(channel: keyof typeof platforms, name: string, act: Act): Promise<string> {
  const post = platforms[channel].post(++posted, name, act);
  if (!post) return '';
  const { body, headers, query = '' } = post;
  const answer = await fetch(`${url}/hooks/${channel}/demo${query}`, { method: 'POST', headers, body });
  if (!answer.ok) throw new Error(`${channel}: the hook answers ${answer.status} ${await answer.text()}`);
  return body;
}
