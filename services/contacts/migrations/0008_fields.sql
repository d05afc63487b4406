-- Where people live, how they want to be written to, how content they are; what kind of service a
-- shipment is. What follows from shipments (totals, lifecycle) is asked of them, not stored.
ALTER TABLE contacts
  ADD COLUMN subdistrict text,   -- kelurahan or desa
  ADD COLUMN district text,      -- kecamatan
  ADD COLUMN postcode text,
  ADD COLUMN language text,
  ADD COLUMN style text,         -- how to address him: formal, santai, ...
  ADD COLUMN time_zone text,     -- instead of his province's: WIB, WITA, WIT or an IANA name
  ADD COLUMN satisfaction smallint CHECK (satisfaction BETWEEN 1 AND 5);
ALTER TABLE shipments ADD COLUMN service_type text;
-- Each morning's file says each parcel anew: with room on its page a row is changed in place and no
-- index is written. The table is twice as large.
ALTER TABLE shipments SET (fillfactor = 50);
