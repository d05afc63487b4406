-- Since when the queue knows a person by one id. A claim that the queue judged just before may still
-- be asking for the right to send: nothing is sent to him until it must have given up.
ALTER TABLE recipients ADD COLUMN queue_told_at timestamptz;  -- NULL: it never had to be told
