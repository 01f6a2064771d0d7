package auth

import "testing"

// The rows are what the specs say about who may do what; the columns are the default roles.
func TestRoleMatrix(t *testing.T) {
	const none = Scope("")
	roles := []string{RoleAgent, RoleTrainee, RoleSupervisor, RoleManager, RoleAdministrator, RoleAnalyst}
	for _, c := range []struct {
		verb, resource string
		want           [6]Scope
	}{
		{"read", "calls", [6]Scope{ScopeOwn, ScopeTeam, ScopeTeam, ScopeTeam, ScopeAll, ScopeAll}},
		{"monitor", "calls", [6]Scope{none, ScopeTeam, ScopeTeam, ScopeTeam, ScopeAll, none}},
		{"barge", "calls", [6]Scope{none, none, ScopeTeam, ScopeTeam, ScopeAll, none}},
		{"end", "calls", [6]Scope{none, none, none, ScopeTeam, ScopeAll, none}},
		{"presence", "agents", [6]Scope{ScopeOwn, ScopeOwn, ScopeTeam, ScopeTeam, ScopeAll, none}},
		{"write", "queues", [6]Scope{none, none, none, ScopeAll, ScopeAll, none}},
		{"write", "users", [6]Scope{none, none, none, ScopeTeam, ScopeAll, none}},
		{"write", "trunks", [6]Scope{none, none, none, none, ScopeAll, none}},
		{"read", "reports", [6]Scope{none, none, ScopeTeam, ScopeTeam, ScopeAll, ScopeAll}},
		{"read", "audit", [6]Scope{none, none, none, none, ScopeAll, none}},
		{"write", "crm-connection", [6]Scope{none, none, none, none, ScopeAll, none}},
		{"write", "tickets", [6]Scope{ScopeAll, ScopeAll, ScopeAll, ScopeAll, ScopeAll, none}},
		{"create", "tickets", [6]Scope{ScopeAll, ScopeAll, ScopeAll, ScopeAll, ScopeAll, none}},
		{"assign", "tickets", [6]Scope{none, none, ScopeAll, ScopeAll, ScopeAll, none}},
		{"write", "ticket-settings", [6]Scope{none, none, none, ScopeAll, ScopeAll, none}},
		{"write", "roles", [6]Scope{none, none, none, none, ScopeAll, none}},
	} {
		for i, role := range roles {
			if got := defaultRoles()[role].Scope(c.verb, c.resource); got != c.want[i] {
				t.Errorf("%s %s:%s is %q, want %q", role, c.verb, c.resource, got, c.want[i])
			}
		}
	}
	for name, p := range defaultRoles() {
		if err := p.check(); err != nil {
			t.Errorf("role %s: %v", name, err)
		}
	}
}

func TestCover(t *testing.T) {
	all := Permissions{{"*", "*", ScopeAll}}
	team := Permissions{{"read", "calls", ScopeTeam}, {"write", "calls", ScopeOwn}}
	for _, c := range []struct {
		name string
		p, q Permissions
		want bool
	}{
		{"everything covers everything", all, all, true},
		{"nothing covers nothing", nil, nil, true},
		{"narrower", team, Permissions{{"read", "calls", ScopeOwn}}, true},
		{"wider", team, Permissions{{"read", "calls", ScopeAll}}, false},
		{"another verb", team, Permissions{{"end", "calls", ScopeOwn}}, false},
		{"every verb", team, Permissions{{"*", "calls", ScopeOwn}}, false},
		{"every resource", team, Permissions{{"read", "*", ScopeOwn}}, false},
		{"itself", team, team, true},
	} {
		if got := c.p.Cover(c.q); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
