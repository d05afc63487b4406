-- Days of the ledger that were deleted for their age. None begins again: a repeated Enqueue would
-- find its messages new.
CREATE TABLE deleted_days (
    day         date PRIMARY KEY,
    deleted_at  timestamptz NOT NULL DEFAULT now()
);
