-- +goose Up
-- How long customers wait for an answer, as it is measured when the answer is given.
ALTER TABLE conversations
  ADD COLUMN unanswered_since timestamptz,                 -- the customer's first message that nobody has answered; NULL: all are
  ADD COLUMN responded boolean NOT NULL DEFAULT false;     -- an agent has written since it was opened
UPDATE conversations SET responded = first_reply_at IS NOT NULL, unanswered_since = CASE WHEN unanswered > 0 THEN customer_at END;

-- What conversations add to the facts. Names are those of docs/reports.md.
ALTER TABLE report_queue_intervals
  ADD COLUMN enquiries              bigint NOT NULL DEFAULT 0,
  ADD COLUMN messages_in            bigint NOT NULL DEFAULT 0,
  ADD COLUMN messages_out           bigint NOT NULL DEFAULT 0,
  ADD COLUMN messages_failed        bigint NOT NULL DEFAULT 0,
  ADD COLUMN first_responses        bigint NOT NULL DEFAULT 0,
  ADD COLUMN first_response_seconds double precision NOT NULL DEFAULT 0,
  ADD COLUMN responses              bigint NOT NULL DEFAULT 0,
  ADD COLUMN response_seconds       double precision NOT NULL DEFAULT 0,
  ADD COLUMN conversations_closed   bigint NOT NULL DEFAULT 0,
  ADD COLUMN closed_customer_silent bigint NOT NULL DEFAULT 0,
  ADD COLUMN closed_never_wrote     bigint NOT NULL DEFAULT 0,
  ADD COLUMN returned_agent_silent  bigint NOT NULL DEFAULT 0,
  ADD COLUMN resolution_seconds     double precision NOT NULL DEFAULT 0,
  ADD COLUMN rated                  bigint NOT NULL DEFAULT 0,
  ADD COLUMN satisfied              bigint NOT NULL DEFAULT 0,
  ADD COLUMN score_sum              bigint NOT NULL DEFAULT 0;
ALTER TABLE report_agent_intervals
  ADD COLUMN messages_out           bigint NOT NULL DEFAULT 0,
  ADD COLUMN first_responses        bigint NOT NULL DEFAULT 0,
  ADD COLUMN first_response_seconds double precision NOT NULL DEFAULT 0,
  ADD COLUMN responses              bigint NOT NULL DEFAULT 0,
  ADD COLUMN response_seconds       double precision NOT NULL DEFAULT 0,
  ADD COLUMN conversations_closed   bigint NOT NULL DEFAULT 0,
  ADD COLUMN closed_customer_silent bigint NOT NULL DEFAULT 0,
  ADD COLUMN returned_agent_silent  bigint NOT NULL DEFAULT 0,
  ADD COLUMN rated                  bigint NOT NULL DEFAULT 0,
  ADD COLUMN satisfied              bigint NOT NULL DEFAULT 0,
  ADD COLUMN score_sum              bigint NOT NULL DEFAULT 0,
  ADD COLUMN conversation_seconds   double precision NOT NULL DEFAULT 0,
  ADD COLUMN conversing_seconds     double precision NOT NULL DEFAULT 0;
ALTER TABLE report_offers ADD COLUMN kind text NOT NULL DEFAULT 'call';
ALTER TABLE report_agents ADD COLUMN conversations integer NOT NULL DEFAULT 0; -- of the items, those that are chats

-- +goose Down
ALTER TABLE report_agents DROP COLUMN conversations;
ALTER TABLE report_offers DROP COLUMN kind;
ALTER TABLE report_agent_intervals
  DROP COLUMN conversing_seconds, DROP COLUMN conversation_seconds, DROP COLUMN score_sum, DROP COLUMN satisfied, DROP COLUMN rated, DROP COLUMN returned_agent_silent,
  DROP COLUMN closed_customer_silent, DROP COLUMN conversations_closed, DROP COLUMN response_seconds, DROP COLUMN responses, DROP COLUMN first_response_seconds,
  DROP COLUMN first_responses, DROP COLUMN messages_out;
ALTER TABLE report_queue_intervals
  DROP COLUMN score_sum, DROP COLUMN satisfied, DROP COLUMN rated, DROP COLUMN resolution_seconds, DROP COLUMN returned_agent_silent, DROP COLUMN closed_never_wrote,
  DROP COLUMN closed_customer_silent, DROP COLUMN conversations_closed, DROP COLUMN response_seconds, DROP COLUMN responses, DROP COLUMN first_response_seconds,
  DROP COLUMN first_responses, DROP COLUMN messages_failed, DROP COLUMN messages_out, DROP COLUMN messages_in, DROP COLUMN enquiries;
ALTER TABLE conversations DROP COLUMN responded, DROP COLUMN unanswered_since;
