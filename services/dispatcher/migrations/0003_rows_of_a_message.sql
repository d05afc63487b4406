-- Fewer rows a message (ADR 12): what is known of its latest attempt stands in its own row, a
-- person's id follows from the address, and what was sent to him is found through his id.

-- -- attempts ---------------------------------------------------------------------------------
ALTER TABLE messages
    ADD COLUMN attempt_state smallint NOT NULL DEFAULT 0,  -- of attempt number `attempt`
    ADD COLUMN started_at timestamptz;                     -- when its request was written
UPDATE messages m SET attempt_state = a.state, started_at = a.started_at
  FROM attempts a WHERE a.day = m.day AND a.message_id = m.id AND a.attempt = m.attempt;
-- A message's provider_id was that of the last attempt that had one; now it is the attempt's.
UPDATE messages m SET provider_id = COALESCE((SELECT a.provider_id FROM attempts a
    WHERE a.day = m.day AND a.message_id = m.id AND a.attempt = m.attempt), '')
  WHERE m.attempt > 1;
DELETE FROM attempts a USING messages m
  WHERE m.day = a.day AND m.id = a.message_id AND m.attempt = a.attempt;
COMMENT ON TABLE attempts IS 'earlier attempts; the latest stands in messages';

-- All of them, for people and tests.
CREATE VIEW all_attempts AS
    SELECT day, id AS message_id, attempt, attempt_state AS state, provider_id, reason, started_at
      FROM messages WHERE attempt > 0
    UNION ALL
    SELECT day, message_id, attempt, state, provider_id, reason, started_at FROM attempts;

-- -- recipients -------------------------------------------------------------------------------
-- A recipient's id is the first 63 bits of SHA-256(key, outlet, address): nobody needs a row to
-- have one. The key keeps those who only see ids (Redis) from finding the phone by trying all.
-- Rows are left for people of whom both addresses are known, and for the id given up then.
CREATE TABLE recipient_key (
    one_row boolean PRIMARY KEY DEFAULT true CHECK (one_row),
    key     bytea NOT NULL
);
INSERT INTO recipient_key (key) VALUES
    (decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex'));

CREATE TEMPORARY TABLE moved_recipients ON COMMIT DROP AS
    SELECT r.id AS old, r.merged_into IS NOT NULL AS merged, root.outlet_id, root.phone, root.bsuid,
        greatest(1, ('x' || encode(substr(sha256(k.key || convert_to(root.outlet_id || E'\n'
            || COALESCE('p' || root.phone, 'b' || root.bsuid), 'UTF8')), 1, 8), 'hex'))::bit(64)
            ::bigint & 9223372036854775807) AS id,
        greatest(1, ('x' || encode(substr(sha256(k.key || convert_to(root.outlet_id || E'\n'
            || 'b' || root.bsuid, 'UTF8')), 1, 8), 'hex'))::bit(64)
            ::bigint & 9223372036854775807) AS given_up
    FROM recipient_key k, recipients r JOIN recipients root ON root.id = COALESCE(r.merged_into, r.id)
    WHERE root.phone IS NOT NULL OR root.bsuid IS NOT NULL;
CREATE INDEX ON moved_recipients (old);

UPDATE messages m SET recipient_id = x.id FROM moved_recipients x WHERE x.old = m.recipient_id;
UPDATE inbound i SET recipient_id = x.id FROM moved_recipients x WHERE x.old = i.recipient_id;
UPDATE claims c SET recipient_ids = COALESCE((SELECT array_agg(COALESCE(x.id, r.id))
    FROM unnest(c.recipient_ids) AS r(id) LEFT JOIN moved_recipients x ON x.old = r.id), '{}');
-- What held for one id of a person held for all of them: one is enough.
DELETE FROM windows w USING moved_recipients x WHERE x.old = w.recipient_id AND x.merged;
DELETE FROM suppressions s USING moved_recipients x WHERE x.old = s.recipient_id AND x.merged;
UPDATE windows w SET recipient_id = x.id FROM moved_recipients x WHERE x.old = w.recipient_id;
UPDATE suppressions s SET recipient_id = x.id FROM moved_recipients x WHERE x.old = s.recipient_id;

DROP TABLE recipients;
CREATE TABLE recipients (
    id          bigint PRIMARY KEY,
    outlet_id   text NOT NULL,
    phone       text COLLATE "C",
    bsuid       text COLLATE "C",
    merged_into bigint REFERENCES recipients (id),  -- then without addresses: messages name it
    created_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT recipients_phone UNIQUE (phone, outlet_id),
    CONSTRAINT recipients_bsuid UNIQUE (bsuid, outlet_id)
);
CREATE INDEX recipients_merged ON recipients (merged_into) WHERE merged_into IS NOT NULL;
INSERT INTO recipients (id, outlet_id, phone, bsuid)
    SELECT id, outlet_id, phone, bsuid FROM moved_recipients
    WHERE NOT merged AND phone IS NOT NULL AND bsuid IS NOT NULL;
INSERT INTO recipients (id, outlet_id, merged_into)
    SELECT given_up, outlet_id, id FROM moved_recipients
    WHERE NOT merged AND phone IS NOT NULL AND bsuid IS NOT NULL;
INSERT INTO windows (sender_id, recipient_id, last_inbound_at)
    SELECT w.sender_id, r.id, w.last_inbound_at FROM windows w
    JOIN recipients r ON r.merged_into = w.recipient_id;
INSERT INTO suppressions (outlet_id, recipient_id, purpose, source, reason, until)
    SELECT s.outlet_id, r.id, s.purpose, s.source, s.reason, s.until FROM suppressions s
    JOIN recipients r ON r.merged_into = s.recipient_id;

-- -- from a person to what was sent to him ------------------------------------------------------
-- What a provider's id belongs to is looked for among the messages to its recipient.
DROP TABLE provider_ids;
CREATE INDEX messages_recipient ON messages (recipient_id);
