package chat

// AccountState says whether an account works.
type AccountState string

// States of an account. What comes in is stored in each of them; what goes out waits in all but AccountOK.
const (
	AccountOK          AccountState = "ok"
	AccountReauthorise AccountState = "needs_reauthorisation" // its token has expired or was revoked (CH-8)
	AccountPaused      AccountState = "paused"                // by the platform, by quality, or by an administrator
)
