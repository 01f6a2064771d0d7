// Package wechat is the channel of WeChat service accounts (channels.md 6).
package wechat

import (
	"context"
	"crypto/cipher"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"tandem/chat"
	"tandem/internal/fault"
)

const (
	megabyte = 1 << 20
	// encryptionRequired is the value of the setting "encryption" with which messages in the clear are refused. Their signature does not
	// cover the body.
	encryptionRequired = "required"
)

// Maker makes channels of service accounts.
func Maker() chat.Maker {
	return chat.Maker{
		Channel: chat.WeChat,
		Fields: []chat.Field{
			{Name: "appid", Required: true},
			{Name: "secret", Secret: true, Required: true},
			{Name: "token", Secret: true, Required: true},
			{Name: "aes_key", Secret: true}, // EncodingAESKey, of the safe and the compatible mode
			{Name: "encryption", Default: "optional"},
			{Name: "kf_account"},
			{Name: "base_url", Default: "https://api.weixin.qq.com"},
			{Name: "media_hosts", Default: "qq.com,qpic.cn,wechat.com"},
		},
		Traits: traits(),
		Open:   open,
	}
}

func traits() chat.Traits {
	return chat.Traits{
		TextLimit: 2048,
		Unit:      chat.Bytes,
		Media: map[chat.MediaKind]chat.MediaRule{
			chat.Image: {Bytes: 10 * megabyte, Types: []string{"image/jpeg", "image/png", "image/gif"}},
			chat.Audio: {Bytes: 2 * megabyte, Types: []string{"audio/amr", "audio/mpeg"}},
			chat.Video: {Bytes: 10 * megabyte, Types: []string{"video/mp4"}},
		},
		Typing:    true,
		Options:   10,
		Templates: true,
	}
}

// account is a service account.
type account struct {
	appid, token string
	key          cipher.Block // nil: only messages in the clear
	iv           []byte
	required     bool   // messages in the clear are refused
	kf           string // in whose name messages go out
	base         *url.URL
	hosts        []string // that videos may be fetched from, beside base
	client       *http.Client
	now          func() time.Time
	access       *access
}

func open(a chat.Account, n chat.Needs) (chat.Channel, error) {
	base, err := url.Parse(strings.TrimRight(a.Settings["base_url"], "/"))
	if err != nil || base.Host == "" || base.Scheme != "https" && base.Scheme != "http" {
		return nil, fault.New(fault.Invalid, "wechat_base_url", "Give the platform's address as https://host.").WithField("base_url")
	}
	for _, field := range []string{"appid", "token", "secret"} {
		if a.Settings[field] == "" && a.Secrets[field] == "" {
			return nil, fault.New(fault.Invalid, "wechat_field", "Enter appid, secret and token as the platform's console shows them.").WithField(field)
		}
	}
	c := &account{
		appid:    a.Settings["appid"],
		token:    a.Secrets["token"],
		required: a.Settings["encryption"] == encryptionRequired,
		kf:       a.Settings["kf_account"],
		base:     base,
		hosts:    strings.FieldsFunc(a.Settings["media_hosts"], func(r rune) bool { return r == ',' || r == ' ' }),
		client:   n.Client,
		now:      n.Now,
	}
	if k := a.Secrets["aes_key"]; k != "" {
		if c.key, c.iv, err = readKey(k); err != nil {
			return nil, fault.New(fault.Invalid, "wechat_aes_key", "The EncodingAESKey has 43 letters and digits.").WithField("aes_key").Because(err)
		}
	}
	if c.required && c.key == nil {
		return nil, fault.New(fault.Invalid, "wechat_aes_key", "Encryption is required, so the EncodingAESKey is too.").WithField("aes_key")
	}
	c.access = newAccess(c, a.Secrets["secret"])
	return c, nil
}

// Person asks for a follower's profile. Names and pictures are given out only of old followers; of others the platform tells language
// and the remark that the account has made. Alias is the union id.
func (c *account) Person(ctx context.Context, p chat.Person) (chat.Person, error) {
	var said struct {
		OpenID   string `json:"openid"`
		UnionID  string `json:"unionid"`
		Nickname string `json:"nickname"`
		Remark   string `json:"remark"`
		Language string `json:"language"`
		Country  string `json:"country"`
		Picture  string `json:"headimgurl"`
	}
	err := c.call(ctx, request{method: http.MethodGet, path: "/cgi-bin/user/info", query: url.Values{"openid": {p.ID}, "lang": {"zh_CN"}}}, &said)
	if err != nil {
		return chat.Person{}, err
	}
	out := chat.Person{ID: p.ID, Alias: said.UnionID, Name: said.Nickname, Language: strings.ReplaceAll(said.Language, "_", "-"), Avatar: said.Picture}
	if out.Name == "" {
		out.Name = said.Remark
	}
	if len(said.Country) == 2 {
		out.Country = strings.ToUpper(said.Country)
	}
	return out, nil
}

// Check gets a token and asks how much of the day's quota of messages is left.
func (c *account) Check(ctx context.Context) (chat.Health, error) {
	var said struct {
		Quota struct {
			Limit  int64 `json:"daily_limit"`
			Used   int64 `json:"used"`
			Remain int64 `json:"remain"`
		} `json:"quota"`
	}
	body, err := encode(map[string]string{"cgi_path": sendPath})
	if err != nil {
		return chat.Health{}, err
	}
	err = c.call(ctx, request{method: http.MethodPost, path: "/cgi-bin/openapi/quota/get", body: body}, &said)
	var refused *chat.SendError
	switch {
	case err == nil:
		return chat.Health{Name: c.appid, Detail: map[string]string{
			"daily_limit": strconv.FormatInt(said.Quota.Limit, 10),
			"used":        strconv.FormatInt(said.Quota.Used, 10),
			"remain":      strconv.FormatInt(said.Quota.Remain, 10),
		}}, nil
	case errors.As(err, &refused) && (refused.Code == "48001" || strings.HasPrefix(refused.Code, "7602")):
		// The token works; only the count is not for this account.
		return chat.Health{Name: c.appid}, nil
	}
	return chat.Health{}, err
}

// Templates lists the account's templates. The platform tells neither language nor state: what it lists can be sent.
func (c *account) Templates(ctx context.Context) ([]chat.Template, error) {
	var said struct {
		List []struct {
			ID      string `json:"template_id"`
			Title   string `json:"title"`
			Content string `json:"content"`
			Example string `json:"example"`
		} `json:"template_list"`
	}
	if err := c.call(ctx, request{method: http.MethodGet, path: "/cgi-bin/template/get_all_private_template"}, &said); err != nil {
		return nil, err
	}
	out := make([]chat.Template, 0, len(said.List))
	for _, t := range said.List {
		body := chat.TemplateComponent{Type: "BODY", Text: t.Content, Variables: variables(t.Content)}
		if t.Example != "" {
			body.Examples = []string{t.Example}
		}
		out = append(out, chat.Template{
			ID: t.ID, Name: t.ID, Category: "UTILITY", Status: "APPROVED", Named: true,
			Components: []chat.TemplateComponent{{Type: "HEADER", Format: "TEXT", Text: t.Title}, body},
		})
	}
	return out, nil
}

// variables finds {{name.DATA}} in a template's text.
func variables(text string) []string {
	var out []string
	for {
		_, rest, ok := strings.Cut(text, "{{")
		if !ok {
			return out
		}
		name, after, ok := strings.Cut(rest, ".DATA}}")
		if !ok {
			return out
		}
		out = append(out, "body."+name)
		text = after
	}
}
