-- Grows with each change of a number or a portfolio. Redis is told of them by several processes and
-- keeps the newest, whoever comes last.
ALTER TABLE senders ADD COLUMN version bigint NOT NULL DEFAULT 0;
ALTER TABLE portfolios ADD COLUMN version bigint NOT NULL DEFAULT 0;
