-- The view showed a message's reason as its latest attempt's, and a message may have come to its state
-- by other ways (cancelled, expired, a person's word): an attempt's reason is in the events.
DROP VIEW all_attempts;
CREATE VIEW all_attempts AS
    SELECT day, id AS message_id, attempt, attempt_state AS state, provider_id, started_at
      FROM messages WHERE attempt > 0
    UNION ALL
    SELECT day, message_id, attempt, state, provider_id, started_at FROM attempts;
