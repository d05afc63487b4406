-- Retries that were asked for, noted before the dispatcher is asked: how many the campaign knew of
-- then. A repeat after a lost answer must not count those anew that the events have told meanwhile.
CREATE TABLE retries (
    outlet_id text NOT NULL,
    request_id text NOT NULL,
    retried_before bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (outlet_id, request_id)
);
CREATE INDEX retries_created_at ON retries (created_at);
