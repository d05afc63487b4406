\ir ../sql/outbox_v1.sql
