-- Names that pages are ordered by compare bytewise: the same order on every server.

-- A template is its code; what it says stands in its versions, which never change.
CREATE TABLE templates (
  outlet_id text NOT NULL,
  id text NOT NULL,
  code text COLLATE "C" NOT NULL,
  state text NOT NULL CHECK (state IN ('ACTIVE', 'ARCHIVED')),
  newest_version integer NOT NULL CHECK (newest_version > 0),
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (outlet_id, id),
  CONSTRAINT templates_code_unique UNIQUE (outlet_id, code)
);

CREATE TABLE template_versions (
  outlet_id text NOT NULL,
  template_id text NOT NULL,
  version integer NOT NULL CHECK (version > 0),
  message text NOT NULL,
  missing_data text NOT NULL CHECK (missing_data IN ('STRICT', 'LENIENT')),
  variables text[] NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (outlet_id, template_id, version),
  FOREIGN KEY (outlet_id, template_id) REFERENCES templates (outlet_id, id)
);

-- What the suite knows of the templates that exist at the provider.
CREATE TABLE provider_templates (
  outlet_id text NOT NULL,
  name text COLLATE "C" NOT NULL,
  language text COLLATE "C" NOT NULL,
  body text NOT NULL,
  category text NOT NULL CHECK (category IN ('MARKETING', 'UTILITY', 'AUTHENTICATION')),
  status text NOT NULL
    CHECK (status IN ('APPROVED', 'PENDING', 'REJECTED', 'PAUSED', 'DISABLED', 'ARCHIVED')),
  parameters integer NOT NULL CHECK (parameters >= 0),
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (outlet_id, name, language)
);

CREATE TABLE request_log (
  outlet_id text NOT NULL,
  request_id text NOT NULL,
  method text NOT NULL,
  fingerprint bytea NOT NULL,
  response bytea,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (outlet_id, request_id)
);
CREATE INDEX request_log_created_at ON request_log (created_at);
