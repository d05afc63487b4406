-- What an automation's events bring along besides the table of trigger_variables.h.
ALTER TABLE automations ADD COLUMN extra_variables text[] NOT NULL DEFAULT '{}';
