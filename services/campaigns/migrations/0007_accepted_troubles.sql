-- What is known against a campaign's provider templates and was accepted when it was resumed, a
-- line each. Anything else stops the campaign.
ALTER TABLE campaigns ADD COLUMN accepted_troubles text NOT NULL DEFAULT '';
