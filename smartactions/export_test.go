package smartactions

import "context"

// Purge does now what Run does every hour.
func (s *Service) Purge(ctx context.Context) error { return s.purge(ctx) }
