package queues

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tandem/internal/storage"
)

// route works out what an item that joins asks of its agent: whom it is to go to first, and which skills, encoded.
func (n *NewItem) route(ctx context.Context, tx *storage.Tx, queue uuid.UUID, rule PreferredRule) (preferred *uuid.UUID, skills []byte, err error) {
	preferred, err = n.preferredAgent(ctx, tx, queue, rule)
	if err != nil {
		return nil, nil, err
	}
	needs := make([]SkillNeed, 0, len(n.Skills))
	for skill, level := range n.Skills {
		needs = append(needs, SkillNeed{Skill: skill, Level: level})
	}
	if err := validNeeds("skills", needs); err != nil {
		return nil, nil, err
	}
	skills = []byte("{}")
	if len(n.Skills) > 0 {
		if skills, err = json.Marshal(n.Skills); err != nil {
			return nil, nil, fmt.Errorf("encode the skills that an item asks for: %w", err)
		}
	}
	return preferred, skills, nil
}

// preferredAgent is who is to have the item first; nil for nobody. Someone who is signed out, or no longer serves the queue, is not waited for.
func (n *NewItem) preferredAgent(ctx context.Context, tx *storage.Tx, queue uuid.UUID, rule PreferredRule) (*uuid.UUID, error) {
	if rule.WaitSeconds == 0 || n.Preferred == uuid.Nil && (!rule.LastAgent || n.Caller == "") {
		return nil, nil
	}
	who := n.Preferred
	if who == uuid.Nil {
		err := tx.QueryRow(ctx, `
			SELECT o.agent_id FROM queue_items i JOIN queue_offers o USING (item_id)
			WHERE i.tenant_id = $1 AND i.caller = $2 AND i.left_reason = 'handled' AND i.item_id <> $3 AND o.interacting_at IS NOT NULL
			ORDER BY i.left_at DESC, o.interacting_at DESC LIMIT 1`, tx.Tenant, n.Caller, n.ID).Scan(&who)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
	}
	var here bool
	err := tx.QueryRow(ctx, `
		SELECT EXISTS (SELECT FROM queue_members m JOIN queue_agents a USING (agent_id)
			WHERE m.queue_id = $1 AND m.agent_id = $2 AND a.archived_at IS NULL AND (a.always_available OR a.presence <> 'OFFLINE'))`, queue, who).Scan(&here)
	if err != nil || !here {
		return nil, err
	}
	return &who, nil
}

// readNeeds reads the skills that an item asks for, in an order that is always the same.
func readNeeds(body string) ([]SkillNeed, error) {
	var levels map[uuid.UUID]int
	if err := json.Unmarshal([]byte(body), &levels); err != nil {
		return nil, fmt.Errorf("read the skills that an item asks for: %w", err)
	}
	needs := make([]SkillNeed, 0, len(levels))
	for skill, level := range levels {
		needs = append(needs, SkillNeed{Skill: skill, Level: level})
	}
	slices.SortFunc(needs, func(x, y SkillNeed) int { return strings.Compare(x.Skill.String(), y.Skill.String()) })
	return needs, nil
}
