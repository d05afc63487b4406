-- The dispatcher's news of a customer's message says what it answers: nothing is kept here for each
-- message that is sent. What waits to be read at this moment and had no context answers none.
DROP TABLE sent_messages;
