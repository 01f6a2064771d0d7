package wechattest

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha1" // the platform's signatures
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"tandem/chat"
	"tandem/chat/chattest"
)

// field is an element of a body.
type field struct{ name, value string }

// body writes a body as the platform does: values are CDATA, numbers are not.
func body(fields ...field) []byte {
	var b bytes.Buffer
	b.WriteString("<xml>")
	for _, f := range fields {
		if _, err := strconv.ParseInt(f.value, 10, 64); err == nil {
			fmt.Fprintf(&b, "<%[1]s>%[2]s</%[1]s>", f.name, f.value)
			continue
		}
		fmt.Fprintf(&b, "<%[1]s><![CDATA[%[2]s]]></%[1]s>", f.name, strings.ReplaceAll(f.value, "]]>", "]]]]><![CDATA[>"))
	}
	b.WriteString("</xml>")
	return b.Bytes()
}

// Act does what a customer does.
func (p *Platform) Act(a chattest.Act) (id string, event []byte, err error) {
	head := []field{{"ToUserName", "gh_acct"}, {"FromUserName", a.Customer}, {"CreateTime", strconv.FormatInt(p.Now().Unix(), 10)}}
	happened := func(name string, more ...field) (string, []byte, error) {
		fields := append(append(head, field{"MsgType", "event"}, field{"Event", name}), more...)
		return a.Customer + ":" + head[2].value + ":" + name, body(fields...), nil
	}
	var content []field
	switch a.Kind {
	case chattest.Say:
		if a.To != "" {
			return "", nil, chattest.ErrCannot
		}
		content = []field{{"MsgType", "text"}, {"Content", a.Text}}
	case chattest.Press:
		content = []field{{"MsgType", "text"}, {"Content", p.title(a)}, {"bizmsgmenuid", a.Text}}
	case chattest.Share:
		content = []field{
			{"MsgType", "location"},
			{"Location_X", strconv.FormatFloat(a.Place[0], 'f', -1, 64)},
			{"Location_Y", strconv.FormatFloat(a.Place[1], 'f', -1, 64)},
			{"Scale", "15"},
			{"Label", a.Text},
		}
	case chattest.Give:
		if content, err = p.give(a); err != nil {
			return "", nil, err
		}
	case chattest.Begin, chattest.Unblock:
		p.act(a.Customer, 3, time.Minute)
		if a.Text != "" {
			return happened("subscribe", field{"EventKey", "qrscene_" + a.Text}, field{"Ticket", "T-" + a.Text})
		}
		return happened("subscribe", field{"EventKey", ""})
	case chattest.Block:
		p.mu.Lock()
		p.gone["@"+a.Customer] = true
		p.mu.Unlock()
		return happened("unsubscribe", field{"EventKey", ""})
	default:
		return "", nil, chattest.ErrCannot
	}
	p.act(a.Customer, 5, 48*time.Hour)
	id = strconv.Itoa(23_000_000_000_000_000 + p.Count())
	return id, body(append(append(head, content...), field{"MsgId", id})...), nil
}

// Click is a press of the account's menu; not a message.
func (p *Platform) Click(customer, key string) []byte {
	p.act(customer, 3, time.Minute)
	return body(field{"ToUserName", "gh_acct"}, field{"FromUserName", customer}, field{"CreateTime", strconv.FormatInt(p.Now().Unix(), 10)},
		field{"MsgType", "event"}, field{"Event", "CLICK"}, field{"EventKey", key})
}

// title is the words on the option that a customer presses.
func (p *Platform) title(a chattest.Act) string {
	for _, r := range slices.Backward(p.Received(a.Customer)) {
		for _, o := range r.Options {
			if o.ID == a.Text {
				return o.Title
			}
		}
	}
	return a.Text
}

// give keeps a customer's file, which comes without a text. Files of other kinds cannot be sent to an account.
func (p *Platform) give(a chattest.Act) ([]field, error) {
	if a.File == nil {
		return nil, chattest.ErrCannot
	}
	switch a.File.Kind {
	case chat.Image:
		id := p.AddFile("MEDIA-", *a.File)
		return []field{{"MsgType", "image"}, {"PicUrl", "http://mmbiz.example/" + id}, {"MediaId", id}}, nil
	case chat.Audio:
		return []field{{"MsgType", "voice"}, {"MediaId", p.AddFile("MEDIA-", *a.File)}, {"Format", "amr"}}, nil
	case chat.Video:
		return []field{{"MsgType", "video"}, {"MediaId", p.AddFile("MEDIA-", *a.File)}, {"ThumbMediaId", "THUMB"}}, nil
	case chat.File, chat.Sticker:
	}
	return nil, chattest.ErrCannot
}

// Receipt is told of templates only.
func (p *Platform) Receipt(id string, s chat.Status, code string) ([]byte, error) {
	p.mu.Lock()
	customer, ok := p.templates[id]
	p.mu.Unlock()
	status := ""
	switch {
	case !ok:
	case s == chat.StatusDelivered:
		status = "success"
	case s == chat.StatusFailed:
		status = "failed:" + code
	}
	if status == "" {
		return nil, chattest.ErrCannot
	}
	return body(field{"ToUserName", "gh_acct"}, field{"FromUserName", customer}, field{"CreateTime", strconv.FormatInt(p.Now().Unix(), 10)},
		field{"MsgType", "event"}, field{"Event", "TEMPLATESENDJOBFINISH"}, field{"MsgID", id}, field{"Status", status}), nil
}

// Requests puts one event into each request.
func (p *Platform) Requests(events ...[]byte) []chat.Hook {
	all := make([]chat.Hook, len(events))
	for i, e := range events {
		all[i] = chat.Hook{Method: http.MethodPost, URL: p.Hook(), Query: url.Values{}, Header: http.Header{"Content-Type": {"text/xml"}}, Body: e}
	}
	return all
}

// Sign signs a request as the platform's mode is; in the safe and the compatible mode it encrypts, too.
func (p *Platform) Sign(h chat.Hook, wrong bool) chat.Hook {
	token, key := Token, AESKey
	if wrong {
		token, key = "another-token", strings.ToUpper(AESKey[:42])+"G"
	}
	p.mu.Lock()
	mode := p.mode
	p.mu.Unlock()
	query := maps.Clone(h.Query)
	if query == nil {
		query = url.Values{}
	}
	at, nonce := strconv.FormatInt(p.Now().Unix(), 10), p.ID("nonce-")
	query.Set("timestamp", at)
	query.Set("nonce", nonce)
	query.Set("signature", Signature(token, at, nonce))
	if mode != Clear {
		sealed := Seal(key, AppID, nonce, h.Body)
		query.Set("encrypt_type", "aes")
		query.Set("msg_signature", Signature(token, at, nonce, sealed))
		part := []byte("<ToUserName><![CDATA[gh_acct]]></ToUserName><Encrypt><![CDATA[" + sealed + "]]></Encrypt></xml>")
		if mode == Compatible {
			h.Body = append(bytes.TrimSuffix(bytes.Clone(h.Body), []byte("</xml>")), part...)
		} else {
			h.Body = append([]byte("<xml>"), part...)
		}
	}
	h.Query = query
	address, _, _ := strings.Cut(h.URL, "?")
	h.URL = address + "?" + query.Encode()
	return h
}

// Signature is the hexadecimal SHA-1 of the sorted parts.
func Signature(parts ...string) string {
	slices.Sort(parts)
	sum := sha1.Sum([]byte(strings.Join(parts, "")))
	return hex.EncodeToString(sum[:])
}

// Seal encrypts a body. The 16 bytes before it are made of nonce, so that runs are alike.
func Seal(key, appid, nonce string, content []byte) string {
	k, err := base64.StdEncoding.DecodeString(key + "=")
	if err != nil {
		panic(err) // a mistake in the caller
	}
	block, err := aes.NewCipher(k)
	if err != nil {
		panic(err)
	}
	plain := []byte(fmt.Sprintf("%-16.16s", nonce))
	plain = binary.BigEndian.AppendUint32(plain, uint32(len(content)))
	plain = append(append(plain, content...), appid...)
	pad := 32 - len(plain)%32
	plain = append(plain, bytes.Repeat([]byte{byte(pad)}, pad)...)
	cipher.NewCBCEncrypter(block, k[:aes.BlockSize]).CryptBlocks(plain, plain)
	return base64.StdEncoding.EncodeToString(plain)
}

// Check is the GET by which the platform checks the hook's address.
func (p *Platform) Check(echo string) chat.Hook {
	at, nonce := strconv.FormatInt(p.Now().Unix(), 10), p.ID("nonce-")
	query := url.Values{"timestamp": {at}, "nonce": {nonce}, "echostr": {echo}, "signature": {Signature(Token, at, nonce)}}
	return chat.Hook{Method: http.MethodGet, URL: p.Hook() + "?" + query.Encode(), Query: query, Header: http.Header{}}
}
