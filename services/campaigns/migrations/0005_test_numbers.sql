-- Where test messages may go: the operators' own numbers.
CREATE TABLE test_numbers (
    outlet_id text NOT NULL,
    phone     text NOT NULL,
    PRIMARY KEY (outlet_id, phone)
);
