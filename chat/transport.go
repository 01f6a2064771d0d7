package chat

import (
	"errors"
	"net"
	"net/url"
)

// Transport is the failure of a request to a platform that nobody has answered, or not to its end: before the connection stood nothing
// can have been sent, after that nobody knows. The address is dropped: it may hold a token, and errors are logged.
func Transport(err error) *SendError {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	var (
		connect *net.OpError
		name    *net.DNSError
	)
	if errors.As(err, &name) || errors.As(err, &connect) && connect.Op == "dial" {
		return &SendError{Verdict: VerdictRetry, Err: err}
	}
	return &SendError{Verdict: VerdictDoubt, Err: err}
}

// MaxFileBytes is the largest file, both ways, unless the installation says otherwise.
const MaxFileBytes = 25 << 20
