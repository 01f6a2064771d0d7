-- +goose Up
-- auto: the carrier's NAPTR records say how it is reached.
ALTER TABLE trunks DROP CONSTRAINT trunks_outbound_transport_check;
ALTER TABLE trunks ADD CONSTRAINT trunks_outbound_transport_check CHECK (outbound_transport IN ('udp', 'tcp', 'tls', 'auto'));

-- +goose Down
UPDATE trunks SET outbound_transport = 'udp' WHERE outbound_transport = 'auto';
ALTER TABLE trunks DROP CONSTRAINT trunks_outbound_transport_check;
ALTER TABLE trunks ADD CONSTRAINT trunks_outbound_transport_check CHECK (outbound_transport IN ('udp', 'tcp', 'tls'));
