-- Who sends the newest version of a template by itself, and which variables it can fill.
CREATE TABLE template_uses (
  outlet_id text NOT NULL,
  user_id text NOT NULL,
  template_id text NOT NULL,
  what text NOT NULL,
  variables text[] NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (outlet_id, user_id),
  FOREIGN KEY (outlet_id, template_id) REFERENCES templates (outlet_id, id)
);
CREATE INDEX template_uses_template ON template_uses (outlet_id, template_id);
