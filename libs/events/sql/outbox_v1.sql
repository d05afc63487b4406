-- The event outbox of a service (libs/events). Never change this file once a service has shipped
-- with it: migrations are checksummed. A change is outbox_v2.sql with ALTER statements.
CREATE TABLE outbox (
    id         bigserial PRIMARY KEY,
    number     bigint UNIQUE,               -- given by the publisher after the commit
    batch      bytea COMPRESSION lz4 NOT NULL,  -- kabar.events.v1.EventBatch
    created_at timestamptz NOT NULL DEFAULT now()
);
-- What the publisher looks for.
CREATE INDEX outbox_unnumbered ON outbox (id) WHERE number IS NULL;

-- One row: whoever holds its lock numbers.
CREATE TABLE event_publisher (
    one_row     boolean PRIMARY KEY DEFAULT true CHECK (one_row),
    next_number bigint NOT NULL DEFAULT 1
);
INSERT INTO event_publisher DEFAULT VALUES;

-- One row: whoever holds its lock trims. Apart from the above, so that trimming delays no numbering.
CREATE TABLE event_trimming (
    one_row        boolean PRIMARY KEY DEFAULT true CHECK (one_row),
    trimmed_number bigint NOT NULL DEFAULT 0  -- rows up to here are deleted
);
INSERT INTO event_trimming DEFAULT VALUES;

CREATE TABLE event_consumers (
    name       text PRIMARY KEY,
    position   bigint NOT NULL,             -- all numbers up to here are committed by it
    updated_at timestamptz NOT NULL DEFAULT now()
);
