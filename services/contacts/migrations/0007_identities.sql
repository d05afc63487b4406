-- Who is who: usernames beside phones and BSUIDs, numbers given up, contacts that became one.

ALTER TABLE contacts
  ADD COLUMN username text NOT NULL DEFAULT '',
  -- Set: this one is deleted, and the other stands for it wherever its id is named. Never to one
  -- that is merged itself: whoever merges moves those that were merged before along.
  ADD COLUMN merged_into text COLLATE "C",
  ADD CONSTRAINT contacts_merged_into FOREIGN KEY (outlet_id, merged_into)
    REFERENCES contacts (outlet_id, id) ON DELETE CASCADE;
CREATE INDEX contacts_merged ON contacts (outlet_id, merged_into) WHERE merged_into IS NOT NULL;

-- merged_from, in all tables that belong to a contact: by whose alias, of those merged into him, it
-- came. It is what goes back when the merge is undone.
ALTER TABLE contact_identities
  DROP CONSTRAINT contact_identities_kind_check,
  ADD CONSTRAINT contact_identities_kind CHECK (kind IN ('phone', 'bsuid', 'username')),
  ADD COLUMN former_since timestamptz,  -- he has another since; files may still name this one
  ADD COLUMN merged_from text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE shipments ADD COLUMN merged_from text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE consent_changes ADD COLUMN merged_from text COLLATE "C" NOT NULL DEFAULT '';

CREATE TABLE contact_merges (
  outlet_id text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  number bigserial,                        -- grows with time
  survivor_id text COLLATE "C" NOT NULL,
  merged_id text COLLATE "C" NOT NULL,
  reason text NOT NULL,
  who text NOT NULL,                       -- a key's name; '' : the provider's word
  merged_at timestamptz NOT NULL,        -- also the time of the consent changes it made
  survivor_before jsonb NOT NULL,
  survivor_after jsonb NOT NULL,
  merged_before jsonb NOT NULL,
  followers text[] NOT NULL,               -- merged into the merged one before
  undone_at timestamptz,
  undone_by text NOT NULL DEFAULT '',
  PRIMARY KEY (outlet_id, id),
  CONSTRAINT contact_merges_survivor FOREIGN KEY (outlet_id, survivor_id)
    REFERENCES contacts (outlet_id, id) ON DELETE CASCADE,
  CONSTRAINT contact_merges_merged FOREIGN KEY (outlet_id, merged_id)
    REFERENCES contacts (outlet_id, id) ON DELETE CASCADE
);
CREATE INDEX contact_merges_survivor_id ON contact_merges (outlet_id, survivor_id);
CREATE INDEX contact_merges_merged_id ON contact_merges (outlet_id, merged_id);

-- The provider named an alias of one contact for another who has one of his own: perhaps one
-- person, but not surely enough to merge them.
CREATE TABLE shared_identities (
  outlet_id text COLLATE "C" NOT NULL,
  first_id text COLLATE "C" NOT NULL,
  second_id text COLLATE "C" NOT NULL CHECK (first_id < second_id),
  seen_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (outlet_id, first_id, second_id),
  FOREIGN KEY (outlet_id, first_id) REFERENCES contacts (outlet_id, id) ON DELETE CASCADE,
  FOREIGN KEY (outlet_id, second_id) REFERENCES contacts (outlet_id, id) ON DELETE CASCADE
);

\ir ../../../libs/audit/sql/audit_log_v1.sql
