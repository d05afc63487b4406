-- What a message has besides its text and the parameters of its provider form: header, footer,
-- buttons (bytes of kabar.dispatcher.v1.StoredParts); empty for most.
ALTER TABLE messages ADD COLUMN parts bytea NOT NULL DEFAULT '';
