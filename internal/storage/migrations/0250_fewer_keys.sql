-- +goose Up
-- These rows pass through by the hundred a second, and each looked its tenant up and locked that one row, which all of a tenant's transactions
-- shared. No tenant's row is ever deleted (0162), and row-level security lets nobody write for another tenant.
ALTER TABLE events DROP CONSTRAINT events_tenant_id_fkey;
ALTER TABLE queue_items DROP CONSTRAINT queue_items_tenant_id_fkey;
ALTER TABLE queue_work DROP CONSTRAINT queue_work_tenant_id_fkey;
ALTER TABLE calls DROP CONSTRAINT calls_tenant_id_fkey;
ALTER TABLE report_visits DROP CONSTRAINT report_visits_tenant_id_fkey;
ALTER TABLE report_offers DROP CONSTRAINT report_offers_tenant_id_fkey;

-- +goose Down
ALTER TABLE report_offers ADD CONSTRAINT report_offers_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants;
ALTER TABLE report_visits ADD CONSTRAINT report_visits_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants;
ALTER TABLE calls ADD CONSTRAINT calls_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants;
ALTER TABLE queue_work ADD CONSTRAINT queue_work_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants;
ALTER TABLE queue_items ADD CONSTRAINT queue_items_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants;
ALTER TABLE events ADD CONSTRAINT events_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants;
