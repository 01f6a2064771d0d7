import { Composer } from './Composer';
import { useStore, useTexts, useWidget } from './context';
import { PreChat } from './Form';
import { Log } from './Log';
import { AfterHours } from './Offline';
import { Rating } from './Rating';
import { Status } from './Status';

/** The chat, or what stands in its place: the site's questions, or what is on offer while nobody is there. */
export function Chat() {
  const store = useStore();
  const state = useWidget();
  const t = useTexts();
  const { talk } = state;
  const fresh = talk.messages.length === 0 && talk.pending.length === 0;
  if (!state.loaded && fresh) {
    return (
      <main class="notice">
        <p role="status">{state.link === 'offline' ? t.offline : t.connecting}</p>
      </main>
    );
  }
  if (fresh && talk.offering && !talk.offering.chat) return <AfterHours offering={talk.offering} />;
  if (fresh && store.config.form.length > 0 && !state.answered) return <PreChat />;
  const current = talk.conversations[0];
  return (
    <main class="chat">
      <Status />
      <Log />
      {current?.state === 'closed' && talk.pending.length === 0 && <Rating conversation={current} />}
      <Composer />
    </main>
  );
}
