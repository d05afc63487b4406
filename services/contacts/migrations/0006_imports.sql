-- Imports as they run. Each chunk moves its import's figures in its own transaction: what they say is
-- what is in the store.
CREATE TABLE imports (
  outlet_id text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,       -- in order of time
  request_id text COLLATE "C" NOT NULL,
  options bytea NOT NULL,             -- SHA-256 of what it was asked
  state text NOT NULL CHECK (state IN ('RUNNING', 'STOPPED', 'COMPLETED', 'CANCELLED')),
  holder bigint NOT NULL DEFAULT 1,   -- which stream writes it: each that takes it up counts one on
  rows bigint NOT NULL DEFAULT 0,
  accepted bigint NOT NULL DEFAULT 0,
  refused bigint NOT NULL DEFAULT 0,
  contacts_created bigint NOT NULL DEFAULT 0,
  contacts_updated bigint NOT NULL DEFAULT 0,
  shipments_created bigint NOT NULL DEFAULT 0,
  shipments_updated bigint NOT NULL DEFAULT 0,
  digest bytea NOT NULL DEFAULT '',   -- of the file's header and `rows`
  error text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (outlet_id, id)
) WITH (fillfactor = 50);             -- a row changes with every chunk
CREATE UNIQUE INDEX imports_request ON imports (outlet_id, request_id) WHERE request_id <> '';
CREATE INDEX imports_open ON imports (updated_at) WHERE state IN ('RUNNING', 'STOPPED');

-- What the report says of refused rows, chunk by chunk; gone when the import is over.
CREATE TABLE import_refused (
  outlet_id text COLLATE "C" NOT NULL,
  import_id text COLLATE "C" NOT NULL,
  until bigint NOT NULL,              -- rows of the file to the chunk's end
  rows bigint[] NOT NULL,
  columns text[] NOT NULL,
  reasons text[] NOT NULL,
  messages text[] NOT NULL,
  csv bytea NOT NULL,                 -- refused rows need not be text
  csv_truncated boolean NOT NULL,
  PRIMARY KEY (outlet_id, import_id, until)
);
