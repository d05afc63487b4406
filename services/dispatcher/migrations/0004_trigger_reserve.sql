-- Recipients of a portfolio's messaging limit that campaigns leave to triggers; NULL: a tenth of it.
ALTER TABLE portfolios ADD COLUMN trigger_reserve bigint CHECK (trigger_reserve >= 0);
