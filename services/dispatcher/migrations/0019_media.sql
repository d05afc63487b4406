-- Media that messages have as header: kept here, uploaded to WhatsApp once for each number that
-- sends them, and sent by the id that it gives.
CREATE TABLE media (
    outlet_id  text NOT NULL,
    name       text COLLATE "C" NOT NULL,
    mime_type  text NOT NULL,
    sha256     bytea NOT NULL,
    size       bigint NOT NULL,
    bytes      bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),  -- when it got these bytes
    PRIMARY KEY (outlet_id, name)
);
-- Pictures and films do not get smaller.
ALTER TABLE media ALTER COLUMN bytes SET STORAGE EXTERNAL;

-- A medium and a number that sends it: wanted from the first message that names it.
CREATE TABLE media_uploads (
    sender_id   text COLLATE "C" NOT NULL,
    name        text COLLATE "C" NOT NULL,
    outlet_id   text NOT NULL,
    provider_id text NOT NULL DEFAULT '',       -- '': none that is known to be good
    uploaded_at timestamptz,
    used_at     timestamptz NOT NULL DEFAULT now(),  -- a message named it, to the hour
    next_try    timestamptz NOT NULL DEFAULT now(),  -- nobody uploads it before
    tries       integer NOT NULL DEFAULT 0,     -- since the last that went well
    error       text NOT NULL DEFAULT '',       -- of the last try
    PRIMARY KEY (sender_id, name)
);

-- The name of the medium that a message has as header; mostly none.
ALTER TABLE messages ADD COLUMN medium text NOT NULL DEFAULT '';
