-- What happened between the outlet and a contact, out of the dispatcher's events. Shipments, consent
-- changes and merges have tables of their own; GetContactTimeline reads them all together.
-- No foreign key: a row a message, checked once more, would cost every campaign.
CREATE TABLE timeline (
  outlet_id text COLLATE "C" NOT NULL,
  kind text COLLATE "C" NOT NULL CHECK (kind IN ('MESSAGE', 'INBOUND')),
  ref text COLLATE "C" NOT NULL,          -- the message's id, the provider's id of the inbound one
  contact_id text COLLATE "C" NOT NULL,
  merged_from text COLLATE "C" NOT NULL DEFAULT '',
  at timestamptz NOT NULL,                -- first known to have gone or come
  state text NOT NULL,                    -- MESSAGE: as of `revision`; INBOUND: text, button, ...
  reason text NOT NULL,
  detail text NOT NULL,                   -- MESSAGE: what it is about; INBOUND: what he wrote
  run_id text NOT NULL,
  state_at timestamptz NOT NULL,
  revision bigint NOT NULL,
  PRIMARY KEY (outlet_id, kind, ref)
) WITH (fillfactor = 80);                 -- a message changes twice or thrice
CREATE INDEX timeline_contact ON timeline (outlet_id, contact_id, at);
