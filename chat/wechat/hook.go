package wechat

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"net/http"

	"tandem/chat"
	"tandem/internal/fault"
)

var (
	errUnsigned  = fault.New(fault.Unauthorized, "hook_unsigned", "The request carries no signature.")
	errSignature = fault.New(fault.Forbidden, "hook_signature", "The request's signature is wrong.")
	errClear     = fault.New(fault.Forbidden, "hook_in_the_clear", "This account takes encrypted messages only.")
	errDTD       = fault.New(fault.Invalid, "hook_dtd", "The body declares a document type.")
	errMethod    = fault.New(fault.Invalid, "hook_method", "The platform asks by GET and POST.")
)

// Accept checks signature, or msg_signature over the encrypted part where there is one. A check of the address (GET) is answered with
// its echostr, anything else with "success", which makes the platform neither repeat nor say anything to the customer.
func (c *account) Accept(r chat.Hook) (chat.Answer, error) {
	switch r.Method {
	case http.MethodGet:
		return c.echo(r)
	case http.MethodPost:
	default:
		return chat.Answer{}, errMethod
	}
	outer, err := parse(r.Body)
	if errors.Is(err, errDTD) {
		// Who sends this is not the platform, but the signature is looked at first, so that strangers learn nothing.
		outer = message{}
	}
	if sealed(r, outer) {
		return c.acceptSealed(r, outer.Encrypt)
	}
	if err := c.signed(r); err != nil {
		return chat.Answer{}, err
	}
	if c.required {
		return chat.Answer{}, errClear
	}
	if errors.Is(err, errDTD) {
		return chat.Answer{}, errDTD
	}
	return success(), nil
}

func success() chat.Answer { return chat.Answer{Events: true, Body: []byte("success")} }

// sealed says whether a request is of the safe or the compatible mode, of which only the encrypted part counts.
func sealed(r chat.Hook, outer message) bool {
	return r.Query.Get("encrypt_type") == "aes" || r.Query.Has("msg_signature") || outer.Encrypt != ""
}

func (c *account) acceptSealed(r chat.Hook, part string) (chat.Answer, error) {
	if err := c.signedOver(r, part); err != nil {
		return chat.Answer{}, err
	}
	inner, err := c.unseal(part)
	if err != nil {
		return chat.Answer{}, errSignature.Because(err)
	}
	if _, err := parse(inner); errors.Is(err, errDTD) {
		return chat.Answer{}, errDTD
	}
	return success(), nil
}

// signed checks the signature of a request in the clear: over token, timestamp and nonce.
func (c *account) signed(r chat.Hook) error {
	given := r.Query.Get("signature")
	if given == "" {
		return errUnsigned
	}
	if !same(given, signature(c.token, r.Query.Get("timestamp"), r.Query.Get("nonce"))) {
		return errSignature
	}
	return nil
}

// signedOver checks msg_signature: as signed, with the encrypted part.
func (c *account) signedOver(r chat.Hook, part string) error {
	given := r.Query.Get("msg_signature")
	if given == "" {
		return errUnsigned
	}
	if c.key == nil || !same(given, signature(c.token, r.Query.Get("timestamp"), r.Query.Get("nonce"), part)) {
		return errSignature
	}
	return nil
}

// echo answers the check that the platform makes when the hook is entered in its console.
func (c *account) echo(r chat.Hook) (chat.Answer, error) {
	said := r.Query.Get("echostr")
	if r.Query.Has("msg_signature") && !r.Query.Has("signature") {
		if err := c.signedOver(r, said); err != nil {
			return chat.Answer{}, err
		}
		inner, err := c.unseal(said)
		if err != nil {
			return chat.Answer{}, errSignature.Because(err)
		}
		return chat.Answer{Body: inner}, nil
	}
	if err := c.signed(r); err != nil {
		return chat.Answer{}, err
	}
	return chat.Answer{Body: []byte(said)}, nil
}

// message is a body, or what its encrypted part holds.
type message struct {
	XMLName xml.Name `xml:"xml"`
	Encrypt string

	ToUserName   string
	FromUserName string
	CreateTime   string
	MsgType      string
	MsgID        string `xml:"MsgId"`
	Content      string
	MenuID       string `xml:"bizmsgmenuid"`
	MediaID      string `xml:"MediaId"`
	Format       string
	Recognition  string
	Latitude     string `xml:"Location_X"`
	Longitude    string `xml:"Location_Y"`
	Label        string
	Poiname      string
	Title        string
	Description  string
	URL          string `xml:"Url"`

	Event       string
	EventKey    string
	Ticket      string
	JobID       string `xml:"MsgID"`
	Status      string
	TotalCount  string
	FilterCount string
	SentCount   string
	ErrorCount  string
}

// parse reads a body. A document type is refused whatever it declares: none of the platform's bodies has one.
func parse(body []byte) (message, error) {
	var m message
	err := xml.NewTokenDecoder(plain{xml.NewDecoder(bytes.NewReader(body))}).Decode(&m)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return m, err
}

// plain reads XML without directives.
type plain struct{ d *xml.Decoder }

func (p plain) Token() (xml.Token, error) {
	t, err := p.d.Token()
	if _, bad := t.(xml.Directive); bad {
		return nil, errDTD
	}
	return t, err
}
