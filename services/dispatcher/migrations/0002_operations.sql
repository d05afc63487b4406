-- What operators do beside campaigns: pauses, dead letters that are tried again or dropped, and the
-- record of it all.

\ir ../../../libs/audit/sql/audit_log_v1.sql

-- What is paused besides lanes' and senders' own states. One row a target, so that lifting one
-- pause leaves the others as they are.
CREATE TABLE pauses (
    target     text COLLATE "C" PRIMARY KEY,  -- 'lane/<id>', 'sender/<id>', 'outlet/<id>', 'all'
    who        text NOT NULL,                 -- the key's name
    reason     text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- A letter holds the webhook it came with whole, so that it can be applied again.
ALTER TABLE dead_letters
    ADD COLUMN phone_number_id text NOT NULL DEFAULT '',  -- whose it is once a sender has it
    ADD COLUMN state           smallint NOT NULL DEFAULT 1,  -- OPEN, RETRYING, APPLIED, DROPPED
    ADD COLUMN retries         integer NOT NULL DEFAULT 0,
    ADD COLUMN handled_by      text NOT NULL DEFAULT '',
    ADD COLUMN handled_reason  text NOT NULL DEFAULT '',
    ADD COLUMN handled_at      timestamptz;
CREATE INDEX dead_letters_open ON dead_letters (id) WHERE state IN (1, 2);
CREATE INDEX dead_letters_number ON dead_letters (phone_number_id) WHERE outlet_id = '';

-- Set: this is a dead letter's webhook once more.
ALTER TABLE webhook_journal ADD COLUMN dead_letter_id bigint;
