-- Both grow at one end and are forgotten at the other: block ranges find the old as well as a tree
-- would.
CREATE INDEX events_published ON events USING brin (published_at) WITH (autosummarize = on);
CREATE INDEX answers_stored ON answers USING brin (stored_at) WITH (autosummarize = on);
