package metatest

import (
	"fmt"
	"net/http"
	"sync"
	"time"
	"unicode/utf8"

	"tandem/chat"
	"tandem/chat/chattest"
	"tandem/queues"
)

type object = map[string]any

// Windows that Meter counts by.
const (
	window      = 24 * time.Hour
	humanWindow = 7 * 24 * time.Hour
)

// Product is what tells Messenger and Instagram apart.
type Product struct {
	Channel queues.Channel
	Object  string // of hooks: "page"
	Setting string // of the account's id
	ID      string // the account's
	Prefix  string // of customers' ids
	Mid     string // of messages' ids
	Name    string // the account's
	// Messenger is true for Pages, whose messages say what they are sent for.
	Messenger bool
	Codes     []chattest.Code
}

// Page is the fake of a Page or an Instagram account.
type Page struct {
	*chattest.Fake

	product Product
	mux     *http.ServeMux

	mu      sync.Mutex
	base    string // where the API was last found
	metered bool
	last    map[string]time.Time // when each customer last wrote
	to      map[string]string    // customer by message of ours
	given   map[string][]string  // files by message of a customer
	issued  map[string]bool      // addresses of files that hold
	replied map[string]bool      // comments that have had their private reply
}

// NewPage makes the fake of a product.
func NewPage(product Product, start time.Time) *Page {
	p := &Page{
		product: product, mux: http.NewServeMux(), last: map[string]time.Time{}, to: map[string]string{}, given: map[string][]string{},
		issued: map[string]bool{}, replied: map[string]bool{},
	}
	p.Fake = chattest.New(p, product.Channel, start)
	p.mux.HandleFunc("POST /{version}/"+p.product.ID+"/messages", With(p.Fake, p.messages))
	p.mux.HandleFunc("GET /{version}/"+p.product.ID, With(p.Fake, p.account))
	p.mux.HandleFunc("GET /{version}/{id}", With(p.Fake, p.node))
	p.mux.HandleFunc("GET /files/download/{address}", p.download)
	return p
}

// ServeHTTP is the platform's API.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.found(Base(r))
	p.mux.ServeHTTP(w, r)
}

func (p *Page) found(base string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.base = base
}

// Account is the demo account. Files that customers give lie below base.
func (p *Page) Account(base string) chat.Account {
	p.found(base)
	a := Account(base, map[string]string{p.product.Setting: p.product.ID})
	a.Channel = p.product.Channel
	return a
}

// Customer is a customer's scoped id.
func (p *Page) Customer(n int) string { return fmt.Sprintf("%s%06d", p.product.Prefix, n+1) }

// Codes are the platform's errors.
func (p *Page) Codes() []chattest.Code { return p.product.Codes }

// Meter has the platform refuse what is outside the window.
func (p *Page) Meter(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.metered = on
}

// ExpireAddresses ends all addresses of files that have been given out; the next ones are good.
func (p *Page) ExpireAddresses() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.issued = map[string]bool{}
}

// address is a new one of a customer's file.
func (p *Page) address(id string) string {
	a := p.ID(id + ".")
	p.mu.Lock()
	defer p.mu.Unlock()
	p.issued[a] = true
	return p.base + "/files/download/" + a
}

// window says why a message may not be sent.
func (p *Page) window(to, tag string) (code string) {
	now := p.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	allowed := window
	switch tag {
	case "":
	case "HUMAN_AGENT":
		allowed = humanWindow
	default:
		return "100/1893061"
	}
	if last, ok := p.last[to]; p.metered && (!ok || now.Sub(last) > allowed) {
		if p.product.Messenger {
			return "10/2018278"
		}
		return "10/2534022"
	}
	return ""
}

// tooLong says whether a text is longer than the product takes.
func (p *Page) tooLong(text string) bool {
	if p.product.Messenger {
		return utf8.RuneCountInString(text) > 2000
	}
	return len(text) > 1000
}
