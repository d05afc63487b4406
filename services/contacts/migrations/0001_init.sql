-- Ids and keys that pages and imports are ordered by compare bytewise: one order on every server,
-- and cheaper.

-- A text that is NULL was never told; '' was told to be empty.
CREATE TABLE contacts (
  outlet_id text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  phone text NOT NULL DEFAULT '',   -- the one to write to; contact_identities has all
  bsuid text NOT NULL DEFAULT '',
  name text,
  address text,
  city text,
  province text,
  service_type text,
  vip boolean,
  preferred_time text,
  notes text,
  attributes jsonb NOT NULL DEFAULT '{}',
  tags text[] NOT NULL DEFAULT '{}',
  -- What consent_changes last said. Nothing but a consent change may write them.
  delivery_updates_opted_out boolean NOT NULL DEFAULT false,
  marketing_opted_out boolean NOT NULL DEFAULT false,
  last_inbound_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  -- A contact who opted out leaves a shell when deleted: the next import must find the opt-out.
  deleted_at timestamptz,
  PRIMARY KEY (outlet_id, id)
);

-- Who a phone or business-scoped user id belongs to.
CREATE TABLE contact_identities (
  outlet_id text COLLATE "C" NOT NULL,
  kind text COLLATE "C" NOT NULL CHECK (kind IN ('phone', 'bsuid')),
  value text COLLATE "C" NOT NULL CHECK (value <> ''),
  contact_id text COLLATE "C" NOT NULL,
  PRIMARY KEY (outlet_id, kind, value),
  -- Deferred: an identity is claimed before its contact is written, so that two writers of one
  -- phone wait for each other instead of making two contacts.
  CONSTRAINT contact_identities_contact FOREIGN KEY (outlet_id, contact_id)
    REFERENCES contacts (outlet_id, id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX contact_identities_contact_id ON contact_identities (outlet_id, contact_id);

CREATE TABLE shipments (
  outlet_id text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  tracking_number text COLLATE "C" NOT NULL CHECK (tracking_number <> ''),
  contact_id text COLLATE "C" NOT NULL,
  status text,
  location text,
  estimate text,
  driver_name text,
  driver_phone text,
  destination_address text,
  cod_amount bigint CHECK (cod_amount >= 0),
  cod_paid boolean,
  delay_reason text,
  new_estimate text,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (outlet_id, id),
  CONSTRAINT shipments_tracking_number UNIQUE (outlet_id, tracking_number),
  CONSTRAINT shipments_contact FOREIGN KEY (outlet_id, contact_id)
    REFERENCES contacts (outlet_id, id) ON DELETE CASCADE
);
-- The contact's shipments, and how many of the last days.
CREATE INDEX shipments_contact_created ON shipments (outlet_id, contact_id, created_at);

-- Every change, kept for ever (that of a deleted contact goes with him unless he opted out).
CREATE TABLE consent_changes (
  id bigserial PRIMARY KEY,
  outlet_id text COLLATE "C" NOT NULL,
  contact_id text COLLATE "C" NOT NULL,
  purpose text NOT NULL CHECK (purpose IN ('DELIVERY_UPDATES', 'MARKETING')),
  opted_out boolean NOT NULL,
  source text NOT NULL,
  changed_at timestamptz NOT NULL,
  CONSTRAINT consent_changes_contact FOREIGN KEY (outlet_id, contact_id)
    REFERENCES contacts (outlet_id, id) ON DELETE CASCADE
);
CREATE INDEX consent_changes_contact_id ON consent_changes (outlet_id, contact_id, id);

CREATE TABLE segments (
  outlet_id text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  name text NOT NULL,
  filter text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (outlet_id, id)
);

-- Who a run is for, fixed when it starts.
CREATE TABLE audiences (
  outlet_id text COLLATE "C" NOT NULL,
  run_id text COLLATE "C" NOT NULL,
  audience bigserial UNIQUE,        -- what the members name it by
  subject text NOT NULL CHECK (subject IN ('CONTACT', 'SHIPMENT')),
  size bigint NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (outlet_id, run_id)
);
-- No foreign keys: members outlive contacts and shipments (they are then `gone`), and a million of
-- them are written in one statement.
CREATE TABLE audience_members (
  audience bigint NOT NULL,
  ordinal bigint NOT NULL,
  contact_id text COLLATE "C" NOT NULL,
  tracking_number text COLLATE "C" NOT NULL,  -- '' where the contact is the subject
  PRIMARY KEY (audience, ordinal)
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
