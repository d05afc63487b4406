-- As in 0013, for a status as it is compared with one in ASCII: see StatusSql in pg_store_fields.cc.
CREATE STATISTICS shipments_ascii_status ON (lower(status COLLATE "C")) FROM shipments;
