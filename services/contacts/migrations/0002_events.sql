-- Consent changes flow out, the dispatcher's inbound messages come in.
\ir ../../../libs/events/sql/outbox_v1.sql
\ir ../../../libs/events/sql/positions_v1.sql
