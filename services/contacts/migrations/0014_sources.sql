-- Tracking APIs that are pulled each day.
CREATE TABLE sources (
  outlet_id text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  settings jsonb NOT NULL,             -- source.h; never a secret
  since text NOT NULL DEFAULT '',      -- the API's own token, or a time
  paused boolean NOT NULL,
  next_at timestamptz NOT NULL,
  leased_until timestamptz NOT NULL DEFAULT 'epoch',
  lease bigint NOT NULL,               -- of source_leases: no two pulls, and no two lives of a name, share one
  last_attempt_at timestamptz,
  last_success_at timestamptz,
  failures int NOT NULL DEFAULT 0,
  error text NOT NULL DEFAULT '',
  import_id text NOT NULL DEFAULT '',
  last_rows bigint NOT NULL DEFAULT 0,
  last_refused bigint NOT NULL DEFAULT 0,
  missing_places text[] NOT NULL DEFAULT '{}', -- of the mapping, that no item of the last pull had
  PRIMARY KEY (outlet_id, name)
);
CREATE SEQUENCE source_leases;

-- Rows that a pull refused, until the same parcel comes in order or they are 30 days old.
CREATE TABLE source_refused (
  outlet_id text COLLATE "C" NOT NULL,
  source text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,       -- what tells the row: its parcel, its phone, or all of it
  phone text COLLATE "C" NOT NULL,     -- E.164, '' if it has none: whoever is erased goes from here too
  at timestamptz NOT NULL,
  field text NOT NULL,
  reason text NOT NULL,
  message text NOT NULL,
  row_values jsonb NOT NULL,
  PRIMARY KEY (outlet_id, source, key)
);
CREATE INDEX source_refused_at ON source_refused (at);
