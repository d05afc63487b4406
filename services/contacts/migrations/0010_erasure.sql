-- What is left of somebody who was erased, as keyed hashes of his addresses. The key is this
-- installation's own; a dump without it tells nobody's phone by trying all.
CREATE TABLE erasure_key (
  one_row boolean PRIMARY KEY DEFAULT true CHECK (one_row),
  key bytea NOT NULL
);
INSERT INTO erasure_key (key) VALUES
  (decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex'));
-- That an address wants no more messages of a purpose, so that the next file does not write to him.
-- Goes over to the contact that has the address next.
CREATE TABLE erased_opt_outs (
  outlet_id text COLLATE "C" NOT NULL,
  address bytea NOT NULL,      -- SHA-256 of key, kind and value
  purpose text NOT NULL CHECK (purpose IN ('DELIVERY_UPDATES', 'MARKETING')),
  erased_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (outlet_id, address, purpose)
);
-- When: what was on its way at that moment must not bring him back.
-- His contacts' ids are addresses too here: our messages are answered under them.
CREATE TABLE erased_addresses (
  outlet_id text COLLATE "C" NOT NULL,
  address bytea NOT NULL,
  person bytea NOT NULL,       -- the hash of his contact's id: what belongs together
  erased_at timestamptz NOT NULL,
  PRIMARY KEY (outlet_id, address)
);
CREATE INDEX erased_addresses_erased_at ON erased_addresses (outlet_id, erased_at);
CREATE INDEX erased_addresses_person ON erased_addresses (outlet_id, person);
