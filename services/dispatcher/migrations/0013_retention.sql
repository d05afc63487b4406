-- Days of the ledger are deleted when they are old. A lane that had messages there can be counted
-- no more.
ALTER TABLE lanes ADD COLUMN rows_deleted boolean NOT NULL DEFAULT false;
-- Grows at one end and is forgotten at the other: block ranges find the old as well as a tree would.
CREATE INDEX inbound_received ON inbound USING brin (received_at) WITH (autosummarize = on);
