-- People whom contacts erased, until the last pass over the ledger is done: then nothing of them is
-- left here either.
CREATE TABLE erasures (
    id            bigserial PRIMARY KEY,
    outlet_id     text NOT NULL,
    contact_ids   text[] NOT NULL,
    phones        text[] NOT NULL,
    bsuids        text[] NOT NULL,
    recipient_ids bigint[] NOT NULL DEFAULT '{}',  -- found before what links them was deleted
    erased_at     timestamptz NOT NULL,            -- what he has since as another contact stays
    passes        integer NOT NULL DEFAULT 0,      -- done
    due_at        timestamptz NOT NULL
);
CREATE INDEX erasures_due ON erasures (due_at);

-- Two addresses that contacts took for one person's and no longer does. A message that was made
-- before and comes later does not make them one again; the provider's or contacts' word does.
CREATE TABLE parted_recipients (
    by_phone bigint NOT NULL,
    by_bsuid bigint NOT NULL,
    PRIMARY KEY (by_bsuid, by_phone)
);
