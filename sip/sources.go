package sip

import (
	"net/netip"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/time/rate"

	"tandem/internal/door"
)

// Limits per source of messages. Known sources are trunks and registered phones.
const (
	knownRate     = 5000 // messages a second, a trunk at several hundred call set-ups a second
	strangerRate  = 20
	strangersRate = 300 // all strangers together
	maxSources    = 20_000
	sourceIdle    = 10 * time.Minute
	freeTries     = 3                // wrong credentials before a source is made to wait
	freeGuesses   = 10               // of one user's password, from wherever, before strangers are refused for that user
	firstBan      = 2 * time.Second  // doubled with every further wrong try
	longestBan    = 15 * time.Minute // after about the twelfth
	vouchFor      = 2 * time.Minute
)

// sources remembers what each source address did lately: how fast it sends, and how often it came with wrong credentials. Passwords are
// guessed from many addresses too, so the wrong tries are counted for each user name as well, whether there is such a user or not.
type sources struct {
	mu        sync.Mutex
	m         map[netip.Prefix]*source
	users     map[suspect]*tries // user names, and user names at known addresses
	strangers *rate.Limiter
	swept     time.Time
	tell      func(guess) // the other nodes; called unlocked
}

// suspect is who guesses: a source, or whose password is guessed: a user name, from wherever. Both are a user name at an address where somebody is
// known: one telephone with a wrong password there is refused, and not its neighbours.
type suspect struct {
	Source netip.Prefix `json:"source,omitzero"`
	User   string       `json:"user,omitempty"`
}

// tries are wrong credentials in a row.
type tries struct {
	fails int
	until time.Time // refused until then
	seen  time.Time
}

type source struct {
	tries
	limit *rate.Limiter
	known bool
	vouch time.Time // until then it counts as known: it gave the right digest
}

// guess is what nodes tell each other of a suspect that came with wrong credentials too often. No fails: it is forgiven.
type guess struct {
	suspect
	Tenant uuid.UUID `json:"tenant,omitzero"` // whose user name it was; uuid.Nil: nobody's
	Fails  int       `json:"fails"`
	Until  time.Time `json:"until"`
}

func newSources() *sources {
	return &sources{m: map[netip.Prefix]*source{}, users: map[suspect]*tries{}, strangers: rate.NewLimiter(strangersRate, strangersRate), tell: func(guess) {}}
}

// failed counts a wrong try; beyond the free ones whoever made it is refused, for a time that doubles with each.
func (t *tries) failed(free int, now time.Time) {
	t.fails, t.seen = t.fails+1, now
	if over := t.fails - free; over > 0 {
		t.until = now.Add(min(firstBan<<min(over-1, 20), longestBan))
	}
}

// heard takes over what another node has counted.
func (t *tries) heard(g guess, now time.Time) {
	if g.Fails == 0 {
		*t = tries{seen: now}
		return
	}
	t.fails, t.seen = max(t.fails, g.Fails), now
	if g.Until.After(t.until) {
		t.until = g.Until
	}
}

// forgive forgets the wrong tries, and says whether the other nodes know of them.
func (t *tries) forgive() (told bool) {
	told = t.fails > freeTries
	t.fails, t.until = 0, time.Time{}
	return told
}

func (t *tries) over(now time.Time) bool { return now.Sub(t.seen) > sourceIdle && now.After(t.until) }

// admit says whether a message from a may be looked at; reason is a label for the metric when not. No ban keeps out an address where a trunk or
// telephone is known: what is guessed there is refused by its user name.
func (s *sources) admit(a netip.Addr, known bool, now time.Time) (reason string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	src := s.get(a, known, now)
	switch {
	case src == nil:
		return "too_many_sources", false
	case !known && now.Before(src.until):
		return "banned", false
	case !src.limit.AllowN(now, 1):
		return "rate", false
	case !known && !s.strangers.AllowN(now, 1):
		return "rate_strangers", false
	}
	return "", true
}

func (s *sources) get(a netip.Addr, known bool, now time.Time) *source {
	key := door.Source(a)
	src := s.m[key]
	if src == nil {
		s.makeRoom(len(s.m), now)
		if len(s.m) >= maxSources && !known {
			return nil
		}
		src = &source{}
		s.m[key] = src
	}
	if src.limit == nil || src.known != known {
		per := rate.Limit(strangerRate)
		if known {
			per = knownRate
		}
		src.limit, src.known = rate.NewLimiter(per, int(2*per)), known
	}
	src.seen = now
	return src
}

// makeRoom forgets now and then who has been quiet for long; where nobody else can be taken in, sooner, but not for each that comes: all messages wait.
func (s *sources) makeRoom(held int, now time.Time) {
	if since := now.Sub(s.swept); since > time.Minute || held >= maxSources && since > time.Second {
		s.sweep(now)
	}
}

func (s *sources) sweep(now time.Time) {
	s.swept = now
	for k, src := range s.m {
		if src.over(now) {
			delete(s.m, k)
		}
	}
	for name, u := range s.users {
		if u.over(now) {
			delete(s.users, name)
		}
	}
}

// banned is how many sources are refused now.
func (s *sources) banned(now time.Time) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, src := range s.m {
		if now.Before(src.until) {
			n++
		}
	}
	return n
}

// failed counts wrong credentials, for where they came from and for the user they were given for, whose tenant is told to the others.
func (s *sources) failed(a netip.Addr, user string, known bool, tenant uuid.UUID, now time.Time) {
	from, name := suspect{Source: door.Source(a)}, suspect{User: user}
	if known {
		from.User = user
	}
	s.count(guess{suspect: from, Tenant: tenant}, freeTries, now)
	s.count(guess{suspect: name, Tenant: tenant}, freeGuesses, now)
}

// count counts a wrong try, and tells the others of it if whoever made it is refused now.
func (s *sources) count(g guess, free int, now time.Time) {
	s.mu.Lock()
	t := s.tried(g, now)
	if t != nil {
		t.failed(free, now)
		g.Fails, g.Until = t.fails, t.until
	}
	s.mu.Unlock()
	if now.Before(g.Until) {
		s.tell(g)
	}
}

// tried are the tries of a suspect; nil when there are too many of its kind, or it is none. However many names are made up, somebody's are counted.
func (s *sources) tried(g guess, now time.Time) *tries {
	if g.User == "" {
		if !g.Source.IsValid() {
			return nil
		}
		if src := s.get(g.Source.Addr(), false, now); src != nil {
			return &src.tries
		}
		return nil
	}
	t := s.users[g.suspect]
	if t == nil && len(g.User) <= maxUser {
		s.makeRoom(len(s.users), now)
		if len(s.users) >= maxSources && g.Tenant == uuid.Nil {
			return nil
		}
		t = &tries{}
		s.users[g.suspect] = t
	}
	return t
}

// heard takes over what another node tells.
func (s *sources) heard(g guess, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.tried(g, now); t != nil {
		t.heard(g, now)
	}
}

// guessed says that a user's password is being guessed, from wherever: nobody but who was known before gets in for a while.
func (s *sources) guessed(user string, now time.Time) bool {
	return s.refused(suspect{User: user}, now)
}

// guessedHere says that it is guessed from this very address, where others are known.
func (s *sources) guessedHere(a netip.Addr, user string, now time.Time) bool {
	return s.refused(suspect{door.Source(a), user}, now)
}

func (s *sources) refused(who suspect, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.users[who]
	return t != nil && now.Before(t.until)
}

// failures says how many wrong tries a source has made since its last right one, or for a user where it is known.
func (s *sources) failures(a netip.Addr, user string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if src := s.m[door.Source(a)]; src != nil {
		n = src.fails
	}
	if here := s.users[suspect{door.Source(a), user}]; here != nil {
		n = max(n, here.fails)
	}
	return n
}

// succeeded forgets a source's failures, and the user's there, and lets it be known for a while, so that the rest of its call gets in.
func (s *sources) succeeded(a netip.Addr, user string, now time.Time) {
	for _, who := range s.forgive(suspect{door.Source(a), user}, now) {
		s.tell(guess{suspect: who})
	}
}

// forgive returns those of whom the other nodes know.
func (s *sources) forgive(here suspect, now time.Time) (known []suspect) {
	s.mu.Lock()
	defer s.mu.Unlock()
	src := s.m[here.Source]
	if src == nil {
		return nil
	}
	src.vouch = now.Add(vouchFor)
	if src.tries.forgive() {
		known = append(known, suspect{Source: here.Source})
	}
	if t := s.users[here]; t != nil && t.forgive() {
		known = append(known, here)
	}
	return known
}

// vouched says whether the source gave the right digest lately.
func (s *sources) vouched(a netip.Addr, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	src := s.m[door.Source(a)]
	return src != nil && now.Before(src.vouch)
}
