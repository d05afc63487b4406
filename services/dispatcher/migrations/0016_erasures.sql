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
