-- What operators did (libs/audit). Never change this file once a service has shipped with it:
-- migrations are checksummed. A change is audit_log_v2.sql with ALTER statements.
CREATE TABLE audit_log (
    id         bigserial PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    outlet_id  text NOT NULL,               -- '' : all of them
    who        text NOT NULL,               -- a key's name, never a key
    role       text NOT NULL,
    action     text NOT NULL,
    target     text NOT NULL,
    reason     text NOT NULL,
    was        jsonb NOT NULL,
    became     jsonb NOT NULL,
    request_id text NOT NULL
);
CREATE INDEX audit_log_outlet ON audit_log (outlet_id, id);

CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit_log is append-only: % refused', TG_OP;
END $$;
CREATE TRIGGER audit_log_stays BEFORE UPDATE OR DELETE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();
