\ir ../../../libs/audit/sql/audit_log_v1.sql
