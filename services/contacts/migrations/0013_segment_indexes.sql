-- What segments ask, in the words of pg_store_fields.cc. Only what costs an import next to nothing has
-- an index: few contacts are VIP or have tags. An index on lower(city) costs 2 us a row of an import,
-- one on lower(status) 1.9; a parallel look at all rows counts a million in 200 to 400 ms.
CREATE INDEX contacts_vip ON contacts (outlet_id, id) WHERE deleted_at IS NULL AND vip IS TRUE;
-- An outlet's tags. The collation is named: outlet_id would bring its own, which knows no letters
-- but ASCII.
CREATE FUNCTION tag_keys(outlet_id text, tags text[]) RETURNS text[]
  LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
  AS $$ SELECT array_agg(outlet_id || E'\n' || lower(e COLLATE "default")) FROM unnest(tags) AS e $$;
CREATE INDEX contacts_tags ON contacts USING gin (tag_keys(outlet_id, tags))
  WHERE deleted_at IS NULL AND tags <> '{}';

-- How frequent a value is: without it PostgreSQL takes every one for rare, reads and sorts all that
-- have it for the first page, and picks the wrong side of a join. Partial indexes bring none.
CREATE STATISTICS contacts_lower_city ON (lower(city)) FROM contacts;
CREATE STATISTICS contacts_lower_service_type ON (lower(service_type)) FROM contacts;
CREATE STATISTICS contacts_tag_keys ON (tag_keys(outlet_id, tags)) FROM contacts;
CREATE STATISTICS shipments_lower_status ON (lower(status)) FROM shipments;
