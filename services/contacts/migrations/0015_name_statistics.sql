-- As in 0013: without it PostgreSQL takes every piece of a name for rare, and reads and sorts all that
-- have it for the first page.
CREATE STATISTICS contacts_lower_name ON (lower(name)) FROM contacts;
