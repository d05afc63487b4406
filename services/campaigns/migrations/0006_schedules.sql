-- Campaigns that recur, and their runs.
ALTER TABLE campaigns
    ADD COLUMN weekdays      smallint NOT NULL DEFAULT 0,  -- bit 0: Mondays; 0: it does not recur
    ADD COLUMN skip_holidays boolean NOT NULL DEFAULT false,
    ADD COLUMN parent_id     text COLLATE "C" NOT NULL DEFAULT '',  -- of a run: what recurs
    ADD COLUMN occurrence_at timestamptz;
-- One run an occurrence, whoever dies when.
CREATE UNIQUE INDEX campaigns_occurrence ON campaigns (parent_id, occurrence_at)
    WHERE parent_id <> '';

CREATE TABLE holidays (
    outlet_id text NOT NULL,
    day       date NOT NULL,
    name      text NOT NULL,
    PRIMARY KEY (outlet_id, day)
);
