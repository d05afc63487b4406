-- Members who are about several shipments, and audiences of no run.
ALTER TABLE audiences
  DROP CONSTRAINT audiences_subject_check,
  ADD CONSTRAINT audiences_subject_check
    CHECK (subject IN ('CONTACT', 'SHIPMENT', 'CONTACT_PARCELS')),
  ADD COLUMN shipments bigint NOT NULL DEFAULT 0,        -- that the members are about
  ADD COLUMN temporary boolean NOT NULL DEFAULT false;   -- of a preflight: gone after a day
UPDATE audiences SET shipments = size WHERE subject = 'SHIPMENT';
CREATE INDEX audiences_temporary ON audiences (created_at) WHERE temporary;
-- The tracking numbers of CONTACT_PARCELS; NULL for the others.
ALTER TABLE audience_members ADD COLUMN parcels text[];
