-- Grows when the lane's rate changes, as those of senders and portfolios (0008).
ALTER TABLE lanes ADD COLUMN version bigint NOT NULL DEFAULT 0;
