-- Ids that pages are ordered by compare bytewise: the same order on every server.

\ir ../../../libs/events/sql/outbox_v1.sql
\ir ../../../libs/events/sql/positions_v1.sql

-- What becomes of events. A deleted one stays, for the steps that name it.
CREATE TABLE automations (
    outlet_id     text NOT NULL,
    id            text COLLATE "C" NOT NULL,
    name          text NOT NULL,
    event_type    smallint NOT NULL,
    template_id   text NOT NULL,
    sender_id     text NOT NULL,
    delay_seconds bigint NOT NULL CHECK (delay_seconds >= 0),
    enabled       boolean NOT NULL,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL,
    deleted_at    timestamptz,
    PRIMARY KEY (outlet_id, id)
);

-- Published events, as they came; the publisher's id makes the second one a duplicate.
CREATE TABLE events (
    outlet_id       text NOT NULL,
    id              text COLLATE "C" NOT NULL,
    type            smallint NOT NULL,
    happened_at     timestamptz NOT NULL,
    contact_id      text NOT NULL,
    phone           text NOT NULL,
    name            text NOT NULL,
    variable_names  text[] NOT NULL,
    variable_values text[] NOT NULL,
    steps           integer NOT NULL,  -- planned by it
    published_at    timestamptz NOT NULL,
    PRIMARY KEY (outlet_id, id)
);

-- One message that an event and an automation planned together. No foreign key to automations: all
-- publishers would lock the same few rows.
CREATE TABLE steps (
    outlet_id     text NOT NULL,
    id            text COLLATE "C" NOT NULL,
    event_id      text COLLATE "C" NOT NULL,
    automation_id text COLLATE "C" NOT NULL,
    due_at        timestamptz NOT NULL,
    state         smallint NOT NULL,               -- 1 WAITING, 2 HANDED_OVER, 3 REFUSED
    -- A waiting step is taken when this has come: due, lease over, or the pause after a failure.
    ready_at      timestamptz NOT NULL,
    lease         text NOT NULL DEFAULT '',        -- of the loop that works on it
    tries         integer NOT NULL DEFAULT 0,
    -- Set before the message can be in the dispatcher's ledger, and never changed.
    contact_id    text NOT NULL DEFAULT '',
    message_id    text COLLATE "C" NOT NULL DEFAULT '',
    reason        text NOT NULL DEFAULT '',
    finished_at   timestamptz,
    PRIMARY KEY (outlet_id, id),
    FOREIGN KEY (outlet_id, event_id) REFERENCES events (outlet_id, id)
);
CREATE INDEX steps_ready ON steps (ready_at) WHERE state = 1;
CREATE INDEX steps_event ON steps (outlet_id, event_id);
CREATE INDEX steps_due ON steps (outlet_id, due_at, id);
CREATE INDEX steps_message ON steps (message_id) WHERE message_id <> '';

-- Lanes of the dispatcher that hold steps' messages: their old texts are rendered again.
CREATE TABLE lanes (
    outlet_id text NOT NULL,
    sender_id text NOT NULL,
    PRIMARY KEY (outlet_id, sender_id)
);

-- All messages that reached the provider lately (of campaigns too): what an answer may be about.
-- More than the newest of each contact, since an answer is matched with what had been sent when it
-- came, however late it is read.
CREATE TABLE sent_messages (
    outlet_id  text COLLATE "C" NOT NULL,
    sender_id  text COLLATE "C" NOT NULL,
    contact_id text COLLATE "C" NOT NULL,
    message_id text COLLATE "C" NOT NULL,
    run_id     text NOT NULL,
    sent_at    timestamptz NOT NULL,
    PRIMARY KEY (contact_id, message_id, sender_id, outlet_id)
);
-- Grows at one end and is forgotten at the other: block ranges find the old as well as a tree would.
CREATE INDEX sent_messages_sent ON sent_messages USING brin (sent_at) WITH (autosummarize = on);

-- Customers' messages. Written with the position in the dispatcher's events, recorded (with our own
-- event) once it is known whom they are from and what they answer.
CREATE TABLE answers (
    outlet_id   text NOT NULL,
    inbound_id  text COLLATE "C" NOT NULL,
    sender_id   text NOT NULL,
    phone       text NOT NULL,
    bsuid       text NOT NULL,
    kind        text NOT NULL,
    body        text NOT NULL,
    payload     text NOT NULL,
    received_at timestamptz NOT NULL,
    stored_at   timestamptz NOT NULL,
    message_id  text NOT NULL,
    run_id      text NOT NULL,
    contact_id  text NOT NULL,
    answer      smallint NOT NULL DEFAULT 0,  -- 0 pending, 1 YES, 2 NO, 3 OTHER
    ready_at    timestamptz NOT NULL,
    recorded_at timestamptz,
    PRIMARY KEY (outlet_id, inbound_id)
);
CREATE INDEX answers_pending ON answers (ready_at) WHERE recorded_at IS NULL;
CREATE INDEX answers_received ON answers (outlet_id, received_at, inbound_id)
    WHERE recorded_at IS NOT NULL;
CREATE INDEX answers_run ON answers (outlet_id, run_id, received_at, inbound_id)
    WHERE recorded_at IS NOT NULL;

CREATE TABLE request_log (
    outlet_id   text NOT NULL,
    request_id  text NOT NULL,
    method      text NOT NULL,
    fingerprint bytea NOT NULL,
    response    bytea,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (outlet_id, request_id)
);
CREATE INDEX request_log_created_at ON request_log (created_at);
