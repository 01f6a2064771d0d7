package api

import (
	"tandem/analytics"
	"tandem/calls"
	"tandem/chat"
	"tandem/chat/web"
	"tandem/crm"
	"tandem/crmsync"
	"tandem/internal/auth"
	"tandem/internal/storage"
	"tandem/mediastream"
	"tandem/notify"
	"tandem/queues"
	"tandem/recording"
	"tandem/sip"
	"tandem/smartactions"
	"tandem/webhooks"
)

// Services are the packages that the routes lead to.
type Services struct {
	DB         *storage.DB // for the audit log, whose functions need no service
	Auth       *auth.Service
	Calls      *calls.Switchboard
	Numbers    *calls.Numbers
	Prompts    *calls.Prompts
	Voicemails *calls.Voicemails
	Queues     *queues.Service
	Trunks     *sip.Directory
	SIP        *sip.Dialer
	Recordings *recording.Service
	CRM        *crm.Service
	CRMSync    *crmsync.Service
	Bots       *mediastream.Service
	Notify     *notify.Service
	Analytics  *analytics.Service
	Chat       *chat.Service
	Media      *chat.MediaStore
	Widgets    *web.Service
	Actions    *smartactions.Service
	Webhooks   *webhooks.Service
}

// routes is the one table of all operations below /api/v1.
func (s *Server) routes() []route {
	var all []route
	for _, part := range [][]route{
		s.identityRoutes(), s.userRoutes(), s.callRoutes(), s.callRecordRoutes(), s.panelRoutes(), s.liveRoutes(), s.supervisionRoutes(), s.queueRoutes(), s.arrivalRoutes(), s.agentRoutes(), s.deviceRoutes(), s.routingRoutes(), s.lineRoutes(), s.botRoutes(), s.contactRoutes(), s.ticketRoutes(), s.slaRoutes(), s.connectionRoutes(), s.operationRoutes(), s.voicemailRoutes(), s.callbackRoutes(), s.notifyRoutes(), s.reportRoutes(), s.conversationRoutes(), s.channelRoutes(), s.widgetRoutes(), s.smartactionRoutes(), s.webhookRoutes(),
	} {
		all = append(all, part...)
	}
	return all
}

func (s *Server) identityRoutes() []route {
	return []route{
		on(s, "POST", "/login", public, "login", "Sign in; sets the session cookie", s.login),
		on(s, "POST", "/logout", self, "logout", "End the session", s.logout),
		on(s, "GET", "/me", self, "get-me", "Who is signed in, and what they may", s.me),
		on(s, "POST", "/me/password", self, "set-own-password", "Change the own password", s.setPassword),
		on(s, "POST", "/me/totp", self, "enrol-totp", "Begin to set up a second factor", s.enrolTOTP),
		on(s, "POST", "/me/totp/confirm", self, "confirm-totp", "Switch the second factor on with its first code", s.confirmTOTP),
		on(s, "POST", "/me/totp/remove", self, "remove-totp", "Switch the second factor off", s.removeTOTP),
		on(s, "POST", "/ws-ticket", self, "get-ws-ticket", "A one-time ticket for the WebSocket, good for 30 s", s.wsTicket),
	}
}

func (s *Server) userRoutes() []route {
	return []route{
		on(s, "GET", "/users", "read:users", "list-users", "Users", s.listUsers),
		on(s, "POST", "/users", "write:users", "add-user", "Make a user", s.addUser),
		on(s, "GET", "/users/{id}", "read:users", "get-user", "One user", s.getUser),
		on(s, "PATCH", "/users/{id}", "write:users", "change-user", "Change a user", s.changeUser),
		on(s, "DELETE", "/users/{id}/sessions", "write:users", "revoke-sessions", "End every session of a user", s.revokeSessions),
		on(s, "DELETE", "/users/{id}/totp", "write:users", "reset-totp", "Switch a user's second factor off", s.resetTOTP),
		on(s, "GET", "/teams", "read:teams", "list-teams", "Teams", s.listTeams),
		on(s, "POST", "/teams", "write:teams", "add-team", "Make a team", s.addTeam),
		on(s, "GET", "/teams/{id}", "read:teams", "get-team", "One team", s.getTeam),
		on(s, "PUT", "/teams/{id}", "write:teams", "put-team", "Change a team and its members", s.putTeam),
		on(s, "DELETE", "/teams/{id}", "delete:teams", "delete-team", "Remove a team", s.deleteTeam),
		on(s, "GET", "/roles", "read:roles", "list-roles", "Roles", s.listRoles),
		on(s, "GET", "/permissions", "read:roles", "list-permissions", "What roles and API keys can be granted", s.listPermissions),
		on(s, "POST", "/roles", "write:roles", "add-role", "Make a role", s.addRole),
		on(s, "GET", "/roles/{id}", "read:roles", "get-role", "One role", s.getRole),
		on(s, "PUT", "/roles/{id}", "write:roles", "put-role", "Change a role", s.putRole),
		on(s, "DELETE", "/roles/{id}", "delete:roles", "delete-role", "Remove a role that nobody has", s.deleteRole),
		on(s, "GET", "/api-keys", "read:api-keys", "list-api-keys", "API keys", s.listAPIKeys),
		on(s, "POST", "/api-keys", "write:api-keys", "add-api-key", "Make an API key", s.addAPIKey),
		on(s, "DELETE", "/api-keys/{id}", "delete:api-keys", "revoke-api-key", "Make an API key useless", s.revokeAPIKey),
	}
}
