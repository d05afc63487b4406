CREATE TABLE campaigns (
    outlet_id        text NOT NULL,
    id               text COLLATE "C" NOT NULL PRIMARY KEY,
    name             text NOT NULL,
    template_id      text NOT NULL,
    template_version integer NOT NULL DEFAULT 0,  -- pinned at the start
    segment_id       text NOT NULL,
    subject          smallint NOT NULL,
    purpose          smallint NOT NULL,
    sender_id        text NOT NULL,
    rate             text NOT NULL,
    batch_size       integer NOT NULL,
    max_attempts     integer NOT NULL,
    start_text       text NOT NULL,
    end_text         text NOT NULL,
    unknown_policy   smallint NOT NULL,
    state            smallint NOT NULL,
    state_reason     text NOT NULL DEFAULT '',
    run_id           text NOT NULL DEFAULT '',
    run_day          date,                        -- every message id of the run begins with it
    start_at         timestamptz,
    end_at           timestamptz,
    asked            bigint,                      -- NULL: the audience is not written yet
    cursor           bigint NOT NULL DEFAULT 0,   -- ordinals up to here are in the ledger
    finished         boolean NOT NULL DEFAULT false,  -- the dispatcher knows that all is enqueued
    retried          bigint NOT NULL DEFAULT 0,   -- FAILED messages sent back to QUEUED so far
    created_at       timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL,
    finished_at      timestamptz,
    -- the runner's: when the next step is due, and who is at it
    due_at           timestamptz,
    lease_owner      text NOT NULL DEFAULT '',
    lease_until      timestamptz
);
CREATE INDEX campaigns_outlet ON campaigns (outlet_id, id);
CREATE INDEX campaigns_due ON campaigns (due_at) WHERE due_at IS NOT NULL;
CREATE UNIQUE INDEX campaigns_run ON campaigns (run_id) WHERE run_id <> '';

-- What the dispatcher's events say of each run: present states, by the number of
-- kabar.events.v1.MessageState; element 1 is QUEUED.
CREATE TABLE run_progress (
    run_id  text PRIMARY KEY,
    states  bigint[] NOT NULL,
    retried bigint NOT NULL DEFAULT 0  -- transitions FAILED -> QUEUED
) WITH (fillfactor = 70);

CREATE TABLE request_log (
    outlet_id text NOT NULL,
    request_id text NOT NULL,
    method text NOT NULL,
    fingerprint bytea NOT NULL,
    response bytea,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (outlet_id, request_id)
);
CREATE INDEX request_log_created_at ON request_log (created_at);

\ir ../../../libs/events/sql/positions_v1.sql
