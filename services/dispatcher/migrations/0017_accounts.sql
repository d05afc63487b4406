-- The WhatsApp business account of a number, whose message templates it can send.
ALTER TABLE senders ADD COLUMN account_id text NOT NULL DEFAULT '';

-- The last word of WhatsApp's webhooks on each message template of these accounts.
CREATE SEQUENCE template_news_number;
CREATE TABLE template_news (
    account_id text NOT NULL,
    name       text COLLATE "C" NOT NULL,
    language   text COLLATE "C" NOT NULL,
    status     text NOT NULL,
    category   text NOT NULL,
    quality    text NOT NULL,
    reason     text NOT NULL,
    number     bigint NOT NULL,
    told_at    timestamptz NOT NULL,
    PRIMARY KEY (account_id, name, language)
);
CREATE INDEX template_news_by_number ON template_news (number);
