-- What other parts of the business know about a contact. One a source's reference; the newest word
-- counts. Orders stand here too until a service of their own has them.
CREATE TABLE facts (
  outlet_id text COLLATE "C" NOT NULL,
  kind text COLLATE "C" NOT NULL
    CHECK (kind IN ('COMPLAINT', 'ESCALATION', 'OVERDUE_COD', 'OVERDUE_INVOICE', 'ORDER')),
  source text COLLATE "C" NOT NULL CHECK (source <> ''),
  reference text COLLATE "C" NOT NULL CHECK (reference <> ''),
  contact_id text COLLATE "C" NOT NULL,
  open boolean NOT NULL,
  amount bigint NOT NULL CHECK (amount >= 0),   -- rupiah
  at timestamptz NOT NULL,                      -- since when it is so
  merged_from text COLLATE "C" NOT NULL DEFAULT '',
  PRIMARY KEY (outlet_id, kind, source, reference),
  CONSTRAINT facts_contact FOREIGN KEY (outlet_id, contact_id)
    REFERENCES contacts (outlet_id, id) ON DELETE CASCADE
);
CREATE INDEX facts_contact_id ON facts (outlet_id, contact_id, kind, at);

-- Which open facts do not keep this outlet's contacts out of marketing; no row: all do.
CREATE TABLE marketing_suppressions (
  outlet_id text COLLATE "C" PRIMARY KEY,
  switched_off text[] NOT NULL
);
