package auth

import (
	"maps"
	"slices"

	"tandem/internal/fault"
)

// Scope says whose things a permission reaches.
type Scope string

// The scopes, from narrow to wide.
const (
	ScopeOwn  Scope = "own"  // what the actor made or is assigned to
	ScopeTeam Scope = "team" // what belongs to members of the actor's teams, too
	ScopeAll  Scope = "all"  // the whole tenant
)

func (s Scope) width() int { return slices.Index([]Scope{"", ScopeOwn, ScopeTeam, ScopeAll}, s) }

// Covers says whether s reaches at least as far as t.
func (s Scope) Covers(t Scope) bool { return s.width() >= t.width() }

// Permission lets an actor do Verb to Resource within Scope. "*" as verb or resource means every one.
type Permission struct {
	Verb     string `json:"verb" doc:"read, write, delete, or a named action such as monitor; * for all" example:"read"`
	Resource string `json:"resource" doc:"the API's noun, * for all" example:"calls"`
	Scope    Scope  `json:"scope" enum:"own,team,all"`
}

// Resources and the verbs that each knows; custom roles and API keys are checked against it.
func Resources() map[string][]string {
	crud := []string{"read", "write", "delete"}
	return map[string][]string{
		"calls":           {"read", "write", "dial", "monitor", "barge", "end", "assign"},
		"queues":          crud,
		"agents":          {"read", "write", "presence"},
		"users":           crud,
		"teams":           crud,
		"roles":           crud,
		"api-keys":        crud,
		"numbers":         crud,
		"trunks":          crud,
		"bots":            crud,
		"prompts":         crud,
		"hours":           crud,
		"recordings":      {"read", "write", "delete", "access"},
		"voicemails":      {"read", "write"},
		"callbacks":       {"read", "write"},
		"contacts":        {"read", "write", "delete", "export"},
		"attributes":      {"read", "write"}, // of contacts
		"tickets":         {"read", "create", "write", "delete", "assign", "export"},
		"ticket-settings": {"read", "write"},
		"sla":             {"read", "write"},
		"crm-connection":  {"read", "write"},
		"sms-account":     {"read", "write"},
		"webhooks":        crud,
		"audit":           {"read", "export"},
		"reports":         {"read", "write"},
		"conversations":   {"read", "write", "monitor", "barge", "end", "assign"},
		"channels":        crud,
	}
}

// ResourceNames are the names of Resources in alphabetical order.
func ResourceNames() []string { return slices.Sorted(maps.Keys(Resources())) }

// Permissions is what a role or an API key allows.
type Permissions []Permission

// Scope returns how far the widest permission for verb on resource reaches; empty when there is none.
func (p Permissions) Scope(verb, resource string) Scope {
	var widest Scope
	for _, one := range p {
		if (one.Verb == verb || one.Verb == "*") && (one.Resource == resource || one.Resource == "*") && one.Scope.Covers(widest) {
			widest = one.Scope
		}
	}
	return widest
}

// Cover says whether everything that q allows is allowed by p: nobody hands on more than they have.
func (p Permissions) Cover(q Permissions) bool {
	for _, one := range q {
		for resource, verbs := range Resources() {
			if one.Resource != "*" && one.Resource != resource {
				continue
			}
			for _, verb := range verbs {
				if (one.Verb == "*" || one.Verb == verb) && !p.Scope(verb, resource).Covers(one.Scope) {
					return false
				}
			}
		}
	}
	return true
}

// narrow returns what both p and q allow.
func (p Permissions) narrow(q Permissions) Permissions {
	var both Permissions
	for resource, verbs := range Resources() {
		for _, verb := range verbs {
			s, t := p.Scope(verb, resource), q.Scope(verb, resource)
			if s.Covers(t) {
				s = t
			}
			if s != "" {
				both = append(both, Permission{Verb: verb, Resource: resource, Scope: s})
			}
		}
	}
	return both
}

// check refuses verbs, resources and scopes that nothing asks for.
func (p Permissions) check() error {
	known := Resources()
	for _, one := range p {
		verbs, ok := known[one.Resource]
		if !ok && one.Resource != "*" || one.Verb != "*" && ok && !slices.Contains(verbs, one.Verb) || one.Scope.width() < 1 {
			return fault.Newf(fault.Invalid, "permission_unknown", "There is no permission %s:%s:%s.", one.Verb, one.Resource, one.Scope).WithField("permissions")
		}
	}
	return nil
}

// Names of the roles that every tenant starts with.
const (
	RoleAgent         = "agent"
	RoleTrainee       = "trainee"
	RoleSupervisor    = "supervisor"
	RoleManager       = "manager"
	RoleAdministrator = "administrator"
	RoleAnalyst       = "analyst"
)

func grant(scope Scope, resource string, verbs ...string) []Permission {
	var p []Permission
	for _, v := range verbs {
		p = append(p, Permission{Verb: v, Resource: resource, Scope: scope})
	}
	return p
}

// defaultRoles are the six roles of every tenant. Ending others' calls is for administrators everywhere and managers in their teams
// (voice V4.4); listening is for trainees too (V4.1).
func defaultRoles() map[string]Permissions {
	agent := slices.Concat(
		grant(ScopeOwn, "calls", "read", "write", "dial"), grant(ScopeOwn, "conversations", "read", "write"), grant(ScopeOwn, "agents", "read", "presence"),
		grant(ScopeTeam, "voicemails", "read", "write"), grant(ScopeTeam, "callbacks", "read", "write"), grant(ScopeAll, "contacts", "read", "write"), grant(ScopeAll, "tickets", "read", "create", "write"),
		grant(ScopeAll, "queues", "read"), grant(ScopeAll, "hours", "read"), grant(ScopeAll, "prompts", "read"),
	)
	supervisor := slices.Concat(agent,
		grant(ScopeTeam, "calls", "read", "write", "dial", "monitor", "barge", "assign"), grant(ScopeTeam, "conversations", "read", "write", "monitor", "barge", "assign"),
		grant(ScopeTeam, "agents", "read", "write", "presence"), grant(ScopeTeam, "users", "read"), grant(ScopeAll, "teams", "read"),
		grant(ScopeAll, "tickets", "assign"), grant(ScopeAll, "roles", "read"), grant(ScopeAll, "recordings", "read"),
		grant(ScopeTeam, "reports", "read"), grant(ScopeAll, "sla", "read"),
	)
	manager := slices.Concat(supervisor,
		grant(ScopeTeam, "calls", "end"), grant(ScopeTeam, "conversations", "end"), grant(ScopeTeam, "users", "write"), grant(ScopeTeam, "teams", "write"),
		grant(ScopeAll, "queues", "write"), grant(ScopeAll, "hours", "write", "delete"), grant(ScopeAll, "prompts", "write", "delete"),
		grant(ScopeAll, "numbers", "read"), grant(ScopeAll, "trunks", "read"), grant(ScopeAll, "bots", "read"),
		grant(ScopeAll, "contacts", "delete", "export"), grant(ScopeAll, "tickets", "delete", "export"),
		grant(ScopeAll, "sla", "write"), grant(ScopeAll, "ticket-settings", "read", "write"),
	)
	analyst := slices.Concat(
		grant(ScopeAll, "calls", "read"), grant(ScopeAll, "conversations", "read"), grant(ScopeAll, "queues", "read"), grant(ScopeAll, "agents", "read"),
		grant(ScopeAll, "teams", "read"), grant(ScopeAll, "hours", "read"), grant(ScopeAll, "tickets", "read", "export"),
		grant(ScopeAll, "recordings", "read"), grant(ScopeAll, "reports", "read"),
	)
	return map[string]Permissions{
		RoleAgent:         agent,
		RoleTrainee:       slices.Concat(agent, grant(ScopeTeam, "calls", "read", "monitor"), grant(ScopeTeam, "conversations", "read", "monitor")),
		RoleSupervisor:    supervisor,
		RoleManager:       manager,
		RoleAdministrator: {{Verb: "*", Resource: "*", Scope: ScopeAll}},
		RoleAnalyst:       analyst,
	}
}
