package crmsync

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"tandem/internal/storage"
)

// Secret is what guards the CRM's half of the keys of a tenant's recordings: what an administrator has typed in to reach the CRM. What OAuth
// renews by itself is not part of it. It is nil for Tandem's own tickets.
func (s *Service) Secret(ctx context.Context, tx *storage.Tx, tenant uuid.UUID) ([]byte, error) {
	c, err := s.connection(ctx, tx.For(tenant))
	if err != nil || c.Provider == Own {
		return nil, err
	}
	typed := []string{c.Credentials.User, c.Credentials.Password, c.Credentials.Token, c.Credentials.Secret}
	if strings.Join(typed, "") == "" {
		return nil, nil
	}
	b, err := json.Marshal(append(typed, c.Provider)) // never in another way: what is held would not open any more
	if err != nil {
		return nil, fmt.Errorf("write the CRM connection's secret: %w", err)
	}
	return b, nil
}
