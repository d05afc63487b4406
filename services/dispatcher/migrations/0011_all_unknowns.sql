-- Every UNKNOWN message of an open lane stands in `unknowns`, whoever will decide it, and keeps its
-- lane open. Before, a lane whose last UNKNOWN messages waited for a person was closed: a campaign
-- that was paused then had no lane to pause, and sent when the person said RESEND.
ALTER TABLE unknowns ADD COLUMN for_person boolean NOT NULL DEFAULT false;  -- never by policy
UPDATE lanes l SET state = 1 WHERE l.state = 5 AND COALESCE(l.end_time > now(), true) AND EXISTS (
    SELECT 1 FROM lane_days d JOIN messages m ON m.day = d.day AND m.lane_id = d.lane_id
    WHERE d.lane_id = l.id AND m.state = 7);
INSERT INTO unknowns (day, message_id, lane_id, sender_id, attempt, sent_by, since, for_person)
    SELECT m.day, m.id, m.lane_id, l.sender_id, m.attempt,
        COALESCE(m.started_at, m.claimed_at, m.updated_at), m.updated_at, true
    FROM lanes l JOIN lane_days d ON d.lane_id = l.id
    JOIN messages m ON m.day = d.day AND m.lane_id = l.id
    WHERE l.state IN (1, 2) AND m.state = 7
    ON CONFLICT DO NOTHING;
