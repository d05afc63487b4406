-- What WhatsApp tells of its templates: any status and category that it may come to use, their
-- parts, and the category under which the outlet has agreed to send.
ALTER TABLE provider_templates
  DROP CONSTRAINT provider_templates_category_check,
  DROP CONSTRAINT provider_templates_status_check,
  ADD COLUMN parameter_names text[] NOT NULL DEFAULT '{}',  -- empty: {{1}}, {{2}}, ...
  ADD COLUMN header_format text NOT NULL DEFAULT '',
  ADD COLUMN header text NOT NULL DEFAULT '',
  ADD COLUMN footer text NOT NULL DEFAULT '',
  ADD COLUMN button_types text[] NOT NULL DEFAULT '{}',
  ADD COLUMN button_texts text[] NOT NULL DEFAULT '{}',
  ADD COLUMN button_urls text[] NOT NULL DEFAULT '{}',
  ADD COLUMN quality text NOT NULL DEFAULT '',
  ADD COLUMN reason text NOT NULL DEFAULT '',
  ADD COLUMN account_id text NOT NULL DEFAULT '',       -- '': registered by hand
  ADD COLUMN agreed_category text NOT NULL DEFAULT '',
  ADD COLUMN told_at timestamptz,    -- of the last webhook
  ADD COLUMN synced_at timestamptz;  -- of the last look at WhatsApp
UPDATE provider_templates SET agreed_category = category;
