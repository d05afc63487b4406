-- A message about a shipment that was last updated longer ago is refused; 0: any age goes.
ALTER TABLE campaigns ADD COLUMN max_data_age_hours integer NOT NULL DEFAULT 0;
