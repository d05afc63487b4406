-- How far this service has come in the events of others (libs/events). Never change this file once
-- a service has shipped with it.
CREATE TABLE event_positions (
    source     text PRIMARY KEY,            -- "dispatcher"
    number     bigint NOT NULL,             -- the last one applied
    updated_at timestamptz NOT NULL DEFAULT now()
);
