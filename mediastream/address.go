package mediastream

import (
	"net/url"
	"strings"

	"tandem/internal/egress"
	"tandem/internal/fault"
)

var (
	errURL     = fault.New(fault.Invalid, "bot_url_invalid", "A bot's address is like wss://bot.example.com/stream, without user and fragment.").WithField("url")
	errPlain   = fault.New(fault.Invalid, "bot_url_plain", "Calls must not travel in the open: write wss:// instead of ws://.").WithField("url")
	errPrivate = fault.New(fault.Invalid, "bot_url_private",
		"This address is inside the server's own network. Use one that the public reaches, or allow private bots by egress.private in the configuration.").WithField("url")
)

// checkURL accepts the address of a bot. Addresses that are private by their looks are refused at once; names are looked at again when
// they are resolved.
func (s *Service) checkURL(text string) (string, error) {
	text = strings.TrimSpace(text)
	u, err := url.Parse(text)
	switch {
	case err != nil, len(text) > 500, u.Hostname() == "", u.User != nil, u.Fragment != "", u.Opaque != "", u.Scheme != "ws" && u.Scheme != "wss":
		return "", errURL
	case s.cfg.Private:
		return text, nil
	case u.Scheme == "ws":
		return "", errPlain
	case !egress.PublicName(u.Hostname()):
		return "", errPrivate
	}
	return text, nil
}
