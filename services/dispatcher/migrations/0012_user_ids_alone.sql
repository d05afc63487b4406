-- Whom the queue may hold under an id that was given up since: a user id that was written to before
-- its phone was known. It has a row now, under its own id and without a phone, until a phone is
-- linked to it: so whoever links the two waits for whoever writes to him, and knows that the queue
-- must be told.
ALTER TABLE recipients
    ADD COLUMN queue_told boolean NOT NULL DEFAULT true,  -- false: nothing is sent to him until then
    ADD CONSTRAINT recipients_alone CHECK ((phone = '') = (given_up_id = id));
CREATE INDEX recipients_untold ON recipients (id) WHERE NOT queue_told;
INSERT INTO recipients (id, outlet_id, phone, bsuid, given_up_id)
    SELECT DISTINCT m.recipient_id, m.outlet_id, '', m.bsuid, m.recipient_id FROM messages m
    WHERE m.phone = '' AND m.bsuid <> '' AND m.recipient_id <> 0
    ON CONFLICT DO NOTHING;
