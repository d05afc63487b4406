-- The dispatcher's record: who may send (portfolios, senders), what is to be sent (lanes,
-- messages), what came of it (attempts, provider_ids, webhook_journal), who may not get it
-- (suppressions), and the events that tell others.

\ir ../../../libs/events/sql/outbox_v1.sql
\ir ../../../libs/events/sql/positions_v1.sql

CREATE TABLE portfolios (
    id              text COLLATE "C" PRIMARY KEY,
    outlet_id       text NOT NULL,
    name            text NOT NULL,
    messaging_limit bigint NOT NULL CHECK (messaging_limit >= 0),
    created_at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX portfolios_outlet ON portfolios (outlet_id, id);

CREATE TABLE senders (
    id              text COLLATE "C" PRIMARY KEY,
    outlet_id       text NOT NULL,
    portfolio_id    text COLLATE "C" NOT NULL REFERENCES portfolios (id),
    phone_number_id text NOT NULL CONSTRAINT senders_phone_number_id UNIQUE,
    display_phone   text NOT NULL,
    sealed_token    bytea NOT NULL,
    throughput      text NOT NULL,
    pair_rate       text NOT NULL,
    state           smallint NOT NULL,
    state_reason    text NOT NULL DEFAULT '',
    created_at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX senders_outlet ON senders (outlet_id, id);

-- Until when (start of the request) sends of this number are known to have produced a status: the
-- evidence on which an UNKNOWN attempt may be resent. Apart from senders: it changes all the time.
CREATE TABLE sender_evidence (
    sender_id     text COLLATE "C" PRIMARY KEY,
    send_answered timestamptz NOT NULL
);

CREATE TABLE lanes (
    id                 text COLLATE "C" PRIMARY KEY,
    outlet_id          text NOT NULL,
    sender_id          text COLLATE "C" NOT NULL REFERENCES senders (id),
    priority           integer NOT NULL,
    rate               text NOT NULL,              -- '' : only the sender's limits
    run_id             text NOT NULL,
    asked              bigint NOT NULL,
    end_time           timestamptz,
    fresh_for_s        bigint NOT NULL,
    max_attempts       integer NOT NULL,
    unknown_policy     smallint NOT NULL,
    purpose            text NOT NULL,
    state              smallint NOT NULL,
    state_reason       text NOT NULL DEFAULT '',
    finished_expanding boolean NOT NULL DEFAULT false,
    -- A lane that is CANCELLED or EXPIRED and has nothing QUEUED any more.
    drained            boolean NOT NULL DEFAULT false,
    created_at         timestamptz NOT NULL DEFAULT now()
);
-- The lanes that something still has to be done with: few, however many there ever were.
CREATE INDEX lanes_open ON lanes (id) WHERE state IN (1, 2);
CREATE INDEX lanes_undrained ON lanes (id) WHERE state IN (3, 4) AND NOT drained;

-- Where a lane's messages stand, day by day. Every message of the lane and day with seq < low_seq
-- is neither QUEUED nor SENDING, but for those named in `requeued`; so looking for work costs the
-- same at the end of 1,000,000 messages as at the beginning. Enqueue and whoever raises low_seq
-- hold the row's lock: no seq below the mark can be committed after the mark was raised.
CREATE TABLE lane_days (
    lane_id  text COLLATE "C" NOT NULL,
    day      date NOT NULL,
    low_seq  bigint NOT NULL DEFAULT 0,
    open     boolean NOT NULL DEFAULT true,  -- false: nothing at or above low_seq
    enqueued bigint NOT NULL DEFAULT 0,      -- rows in the ledger
    PRIMARY KEY (lane_id, day)
);

-- QUEUED again from a state that the mark may have passed (UNKNOWN, SENT, FAILED).
CREATE TABLE requeued (
    lane_id    text COLLATE "C" NOT NULL,
    day        date NOT NULL,
    message_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (lane_id, day, message_id)
);

CREATE SEQUENCE message_seq;

-- The ledger. Partitions are made when a day is first needed. No index holds a column that
-- changes: updates stay heap-only. Keys begin with what tells rows apart: a day or an outlet says
-- nothing, and a planner without statistics takes it for a rare value and reads all of its rows.
CREATE TABLE messages (
    day             date NOT NULL,
    id              text COLLATE "C" NOT NULL,
    seq             bigint NOT NULL,
    outlet_id       text NOT NULL,
    lane_id         text COLLATE "C" NOT NULL,
    ordinal         bigint NOT NULL,
    contact_id      text NOT NULL,
    subject         text NOT NULL,
    recipient_id    bigint NOT NULL,          -- 0: it has no address and was refused
    phone           text NOT NULL,
    bsuid           text NOT NULL,
    body            text NOT NULL,
    form_name       text NOT NULL,
    form_language   text NOT NULL,
    form_parameters text[] NOT NULL,
    rendered_at     timestamptz,
    renders         integer NOT NULL DEFAULT 1,
    state           smallint NOT NULL,
    reason          text NOT NULL DEFAULT '',
    reached         smallint NOT NULL DEFAULT 0, -- the furthest of SENT, DELIVERED, READ ever
    attempt         integer NOT NULL DEFAULT 0,
    failures        integer NOT NULL DEFAULT 0,  -- of this round of tries
    resends         integer NOT NULL DEFAULT 0,  -- UNKNOWN -> QUEUED on evidence
    revision        bigint NOT NULL DEFAULT 1,
    not_before      timestamptz,
    claimed_at      timestamptz,
    provider_id     text NOT NULL DEFAULT '',
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (id, day)
) PARTITION BY LIST (day);
CREATE INDEX messages_lane ON messages (lane_id, seq);

-- What is known of each attempt; written with its outcome or its first webhook.
CREATE TABLE attempts (
    day         date NOT NULL,
    message_id  text COLLATE "C" NOT NULL,
    attempt     integer NOT NULL,
    state       smallint NOT NULL,
    provider_id text NOT NULL DEFAULT '',
    reason      text NOT NULL DEFAULT '',
    started_at  timestamptz,                  -- when the request was written
    updated_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (message_id, attempt, day)
) PARTITION BY LIST (day);

CREATE TABLE provider_ids (
    provider_id text COLLATE "C" PRIMARY KEY,
    day         date NOT NULL,
    message_id  text COLLATE "C" NOT NULL,
    attempt     integer NOT NULL
);

-- One row a claim: its lease, and whom it used up of the portfolio's 24 hours.
CREATE TABLE claims (
    id             bigserial PRIMARY KEY,
    portfolio_id   text COLLATE "C" NOT NULL,
    lane_id        text COLLATE "C" NOT NULL,
    worker         text NOT NULL,
    claimed_at     timestamptz NOT NULL,
    lease_until    timestamptz NOT NULL,
    rescued        boolean NOT NULL DEFAULT false,  -- the lease ran out and was looked after
    message_ids    text[] NOT NULL,
    attempts       integer[] NOT NULL,
    recipient_ids  bigint[] NOT NULL               -- those written to outside their window
);
CREATE INDEX claims_lease ON claims (lease_until) WHERE NOT rescued;
CREATE INDEX claims_recent ON claims (portfolio_id, claimed_at);

-- Messages that are UNKNOWN now and may yet be resent.
CREATE TABLE unknowns (
    day        date NOT NULL,
    message_id text COLLATE "C" NOT NULL,
    lane_id    text COLLATE "C" NOT NULL,
    sender_id  text COLLATE "C" NOT NULL,
    attempt    integer NOT NULL,
    sent_by    timestamptz NOT NULL,           -- the request was written before this, if at all
    since      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (message_id, day)
);
CREATE INDEX unknowns_since ON unknowns (since);
CREATE INDEX unknowns_lane ON unknowns (lane_id);

-- A person as the provider sees one, whichever way the address is written. An identity found to be
-- another's keeps its row, without addresses: messages still name it.
CREATE TABLE recipients (
    id          bigserial PRIMARY KEY,
    outlet_id   text NOT NULL,
    phone       text COLLATE "C",
    bsuid       text COLLATE "C",
    merged_into bigint REFERENCES recipients (id),
    created_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT recipients_phone UNIQUE (phone, outlet_id),
    CONSTRAINT recipients_bsuid UNIQUE (bsuid, outlet_id)
);
CREATE INDEX recipients_merged ON recipients (merged_into) WHERE merged_into IS NOT NULL;

CREATE TABLE windows (
    sender_id       text COLLATE "C" NOT NULL,
    recipient_id    bigint NOT NULL,
    last_inbound_at timestamptz NOT NULL,
    PRIMARY KEY (sender_id, recipient_id)
);

-- Whom not to write to. `source` keeps apart who said so: a customer's consent given again does
-- not undo what the provider refused.
CREATE TABLE suppressions (
    outlet_id    text NOT NULL,
    recipient_id bigint NOT NULL,
    purpose      text NOT NULL,               -- '' : every purpose
    source       text NOT NULL,               -- consent, provider
    reason       text NOT NULL,
    until        timestamptz NOT NULL DEFAULT 'infinity',
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (recipient_id, purpose, source)
);

CREATE TABLE webhook_journal (
    id          bigserial PRIMARY KEY,
    received_at timestamptz NOT NULL,
    body        bytea NOT NULL,
    applied     boolean NOT NULL DEFAULT false
);
CREATE INDEX webhook_journal_waiting ON webhook_journal (id) WHERE NOT applied;

CREATE TABLE inbound (
    provider_id text COLLATE "C" PRIMARY KEY,
    outlet_id   text NOT NULL,
    sender_id   text COLLATE "C" NOT NULL,
    recipient_id bigint NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE dead_letters (
    id         bigserial PRIMARY KEY,
    outlet_id  text NOT NULL,                 -- '' : nobody's, as far as we can tell
    kind       text NOT NULL,
    reason     text NOT NULL,
    payload    bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX dead_letters_outlet ON dead_letters (outlet_id, id);

CREATE TABLE request_log (
    outlet_id   text NOT NULL,
    request_id  text NOT NULL,
    method      text NOT NULL,
    fingerprint bytea NOT NULL,
    response    bytea,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (outlet_id, request_id)
);
CREATE INDEX request_log_created ON request_log (created_at);
