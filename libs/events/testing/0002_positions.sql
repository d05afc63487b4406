\ir ../sql/positions_v1.sql
