-- Audiences go some time after their runs have ended. Of runs that ended before this nobody tells:
-- theirs stay.
ALTER TABLE audiences ADD COLUMN finished_at timestamptz;  -- the run's lane is over
CREATE INDEX audiences_finished ON audiences (finished_at) WHERE finished_at IS NOT NULL;
-- Whose members are being deleted, some at a time.
CREATE TABLE audiences_forgotten (audience bigint PRIMARY KEY);
