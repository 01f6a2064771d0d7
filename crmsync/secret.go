package crmsync

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"tandem/internal/storage"
)

// Secret is what guards the CRM's half of the keys of a tenant's recordings: what an administrator has typed in to reach the CRM. What OAuth
// renews by itself is not part of it. It is nil for Tandem's own tickets.
func (s *Service) Secret(ctx context.Context, tx *storage.Tx, tenant uuid.UUID) ([]byte, error) {
	c, err := s.connection(ctx, &storage.Tx{Tx: tx.Tx, Now: tx.Now, Tenant: tenant})
	if err != nil || c.Provider == Own {
		return nil, err
	}
	c.Credentials = Credentials{User: c.Credentials.User, Password: c.Credentials.Password, Token: c.Credentials.Token, Secret: c.Credentials.Secret}
	if c.Credentials.IsZero() {
		return nil, nil
	}
	b, err := json.Marshal(struct {
		Provider string
		Credentials
	}{c.Provider, c.Credentials})
	if err != nil {
		return nil, fmt.Errorf("write the CRM connection's secret: %w", err)
	}
	return b, nil
}
