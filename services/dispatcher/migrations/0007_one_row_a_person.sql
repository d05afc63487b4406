-- A person of whom both addresses are known is one row instead of two: the id given up stands
-- beside the one that stays.
ALTER TABLE recipients ADD COLUMN given_up_id bigint;
UPDATE recipients r SET given_up_id = g.id FROM recipients g WHERE g.merged_into = r.id;
DELETE FROM recipients WHERE merged_into IS NOT NULL;
ALTER TABLE recipients
    DROP COLUMN merged_into,
    ALTER COLUMN given_up_id SET NOT NULL,  -- messages of before they were known as one name it
    ALTER COLUMN phone SET NOT NULL,
    ALTER COLUMN bsuid SET NOT NULL,
    ADD CONSTRAINT recipients_given_up UNIQUE (given_up_id);
