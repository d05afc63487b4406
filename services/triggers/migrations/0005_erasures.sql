-- People whom contacts erased, until what is known of them here is gone.
CREATE TABLE erasures (
    id          bigserial PRIMARY KEY,
    outlet_id   text NOT NULL,
    contact_ids text[] NOT NULL,
    phones      text[] NOT NULL,
    bsuids      text[] NOT NULL,
    erased_at   timestamptz NOT NULL,  -- what came by his addresses later stays
    noted_at    timestamptz NOT NULL,
    due_at      timestamptz NOT NULL
);
CREATE INDEX erasures_due ON erasures (due_at);
