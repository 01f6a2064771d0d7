-- +goose Up
-- Which of several trunks a call goes out by, and how it is known that they are there.
ALTER TABLE trunks
  ADD COLUMN priority         integer NOT NULL DEFAULT 1 CHECK (priority BETWEEN 1 AND 100),  -- the lowest is tried first
  ADD COLUMN weight           integer NOT NULL DEFAULT 1 CHECK (weight BETWEEN 1 AND 100),    -- share among trunks of one priority
  ADD COLUMN calls_per_second integer NOT NULL DEFAULT 0 CHECK (calls_per_second >= 0),
  ADD COLUMN keepalive        integer NOT NULL DEFAULT 0 CHECK (keepalive = 0 OR keepalive BETWEEN 5 AND 3600), -- seconds between OPTIONS; 0: none
  ADD COLUMN register         boolean NOT NULL DEFAULT false, -- we register there, to be called
  ADD COLUMN number_format    text NOT NULL DEFAULT 'e164' CHECK (number_format IN ('e164', 'digits', '00')),
  ADD COLUMN registrar        text NOT NULL DEFAULT '',       -- the node that keeps the registration
  ADD COLUMN registrar_until  timestamptz;

-- +goose Down
ALTER TABLE trunks DROP COLUMN priority, DROP COLUMN weight, DROP COLUMN calls_per_second, DROP COLUMN keepalive, DROP COLUMN register, DROP COLUMN number_format,
  DROP COLUMN registrar, DROP COLUMN registrar_until;
