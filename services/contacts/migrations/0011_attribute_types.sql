-- What values an outlet's free attributes may have; one without a row is a text.
CREATE TABLE attribute_types (
  outlet_id text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL CHECK (name <> ''),
  type text NOT NULL CHECK (type IN ('NUMBER', 'DATE', 'BOOLEAN')),
  PRIMARY KEY (outlet_id, name)
);
