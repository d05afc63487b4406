-- What was known against a campaign's provider templates when it started or was resumed, a line
-- each; NULL: it has not been looked at since then. What comes to light besides stops the campaign.
ALTER TABLE campaigns ADD COLUMN known_troubles text;
