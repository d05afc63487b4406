-- Header, footer and buttons of a version: bytes of kabar.content.v1.Parts, empty without any.
ALTER TABLE template_versions ADD COLUMN parts bytea NOT NULL DEFAULT '';
-- MESSAGE, or QUICK_REPLY: a canned text that people answer customers with.
ALTER TABLE templates ADD COLUMN kind text NOT NULL DEFAULT 'MESSAGE'
  CHECK (kind IN ('MESSAGE', 'QUICK_REPLY'));
