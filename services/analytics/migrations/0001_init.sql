-- Figures of each lane (a campaign's run is a lane of the same id), counted from events. One row a
-- lane, whatever its size, so that a question costs the same for 10 messages and for 1,000,000.
CREATE TABLE lane_figures (
    outlet_id         text NOT NULL,
    lane_id           text NOT NULL,
    asked             bigint NOT NULL DEFAULT 0,
    lane_state        smallint NOT NULL DEFAULT 0,
    lane_reason       text NOT NULL DEFAULT '',
    lane_rate_per_s   double precision NOT NULL DEFAULT 0,
    -- present states, by the number of kabar.events.v1.MessageState; element 1 is QUEUED
    states            bigint[] NOT NULL DEFAULT '{0,0,0,0,0,0,0,0,0,0}',
    reached_sent      bigint NOT NULL DEFAULT 0,
    reached_delivered bigint NOT NULL DEFAULT 0,
    reached_read      bigint NOT NULL DEFAULT 0,
    first_sent_at     timestamptz,
    last_sent_at      timestamptz,
    PRIMARY KEY (outlet_id, lane_id)
) WITH (fillfactor = 70);

-- Present FAILED messages by reason.
CREATE TABLE lane_failures (
    outlet_id text NOT NULL,
    lane_id   text NOT NULL,
    reason    text NOT NULL,
    messages  bigint NOT NULL,
    PRIMARY KEY (outlet_id, lane_id, reason)
);

-- How many reached SENT in each second: the current rate. Kept for ten minutes.
CREATE TABLE lane_seconds (
    outlet_id text NOT NULL,
    lane_id   text NOT NULL,
    second    bigint NOT NULL,  -- Unix time
    sent      bigint NOT NULL,
    PRIMARY KEY (outlet_id, lane_id, second)
);

-- Customers' answers, from the events of triggers, which may come before the lane's own.
CREATE TABLE run_answers (
    outlet_id text NOT NULL,
    run_id    text NOT NULL,
    yes       bigint NOT NULL DEFAULT 0,
    no        bigint NOT NULL DEFAULT 0,
    other     bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (outlet_id, run_id)
);

\ir ../../../libs/events/sql/positions_v1.sql
