// Package line is the channel of LINE Official Accounts by the Messaging API (channels.md 7).
package line

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"tandem/chat"
	"tandem/internal/fault"
)

const megabyte = 1 << 20

// Maker makes channels of Official Accounts.
func Maker() chat.Maker {
	return chat.Maker{
		Channel: chat.LINE,
		Fields: []chat.Field{
			{Name: "channel_secret", Secret: true, Required: true},
			{Name: "access_token", Secret: true, Required: true}, // a long-lived one
			{Name: "sender_icon"}, // https URL of the picture beside an agent's name
			{Name: "base_url", Default: "https://api.line.me"},
			{Name: "content_url", Default: "https://api-data.line.me"},
			{Name: "sticker_url", Default: "https://stickershop.line-scdn.net"},
		},
		Traits: traits(),
		Open:   open,
	}
}

func traits() chat.Traits {
	return chat.Traits{
		TextLimit: 5000,
		Unit:      chat.UTF16,
		Media: map[chat.MediaKind]chat.MediaRule{
			chat.Image: {Bytes: 10 * megabyte, Types: []string{"image/jpeg", "image/png"}},
			chat.Video: {Bytes: 200 * megabyte, Types: []string{"video/mp4"}},
			chat.Audio: {Bytes: 200 * megabyte, Types: []string{"audio/mp4", "audio/x-m4a", "audio/mpeg"}},
		},
		ByURL:    true,
		Hook:     true,
		MarkRead: true,
		Typing:   true,
		Quote:    true,
		Options:  13,
		Repeats:  true,
		Rate:     chat.Rate{Per: 500 * time.Microsecond, Burst: 1000},
	}
}

// account is an Official Account.
type account struct {
	secret               []byte
	token                string
	icon                 string
	api, files, stickers *url.URL
	client               *http.Client
	now                  func() time.Time
	doubts               doubts
}

func open(a chat.Account, n chat.Needs) (chat.Channel, error) {
	for _, field := range []string{"channel_secret", "access_token"} {
		if a.Secrets[field] == "" {
			return nil, fault.New(fault.Invalid, "line_field", "Enter the channel secret and the channel access token as the LINE Developers console shows them.").WithField(field)
		}
	}
	c := &account{secret: []byte(a.Secrets["channel_secret"]), token: a.Secrets["access_token"], icon: a.Settings["sender_icon"], client: n.Client, now: n.Now}
	for field, to := range map[string]**url.URL{"base_url": &c.api, "content_url": &c.files, "sticker_url": &c.stickers} {
		u, err := url.Parse(strings.TrimRight(a.Settings[field], "/"))
		if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			return nil, fault.New(fault.Invalid, "line_base_url", "Give the platform's address as https://host.").WithField(field)
		}
		*to = u
	}
	return c, nil
}

// Ids of groups and rooms begin with another letter than users'.
func isGroup(id string) bool { return strings.HasPrefix(id, "C") }
func isUser(id string) bool  { return strings.HasPrefix(id, "U") }

// Person asks for a user's profile or a group's name. Who is not a friend of the account has none.
func (c *account) Person(ctx context.Context, p chat.Person) (chat.Person, error) {
	var said struct {
		DisplayName string `json:"displayName"`
		PictureURL  string `json:"pictureUrl"`
		Language    string `json:"language"`
		GroupName   string `json:"groupName"`
	}
	path := "/v2/bot/profile/" + url.PathEscape(p.ID)
	switch {
	case isGroup(p.ID):
		path = "/v2/bot/group/" + url.PathEscape(p.ID) + "/summary"
	case !isUser(p.ID):
		return chat.Person{ID: p.ID}, nil // a room has neither name nor picture
	}
	err := c.call(ctx, http.MethodGet, path, nil, &said)
	if status(err) == http.StatusNotFound {
		return chat.Person{ID: p.ID}, nil
	}
	if err != nil {
		return chat.Person{}, err
	}
	return chat.Person{ID: p.ID, Name: said.DisplayName + said.GroupName, Language: said.Language, Avatar: said.PictureURL}, nil
}

// Check asks who the account is, how many pushes its plan has this month and how many are used, and whether its hook is switched on.
func (c *account) Check(ctx context.Context) (chat.Health, error) {
	var who struct {
		DisplayName string `json:"displayName"`
		BasicID     string `json:"basicId"`
		ChatMode    string `json:"chatMode"`
	}
	if err := c.call(ctx, http.MethodGet, "/v2/bot/info", nil, &who); err != nil {
		return chat.Health{}, err
	}
	var quota struct {
		Type  string `json:"type"`
		Value int64  `json:"value"`
	}
	if err := c.call(ctx, http.MethodGet, "/v2/bot/message/quota", nil, &quota); err != nil {
		return chat.Health{}, err
	}
	var used struct {
		Total int64 `json:"totalUsage"`
	}
	if err := c.call(ctx, http.MethodGet, "/v2/bot/message/quota/consumption", nil, &used); err != nil {
		return chat.Health{}, err
	}
	h := chat.Health{Name: who.DisplayName, Detail: map[string]string{
		"id": who.BasicID, "mode": who.ChatMode, "quota": "none", "used": strconv.FormatInt(used.Total, 10),
	}}
	if quota.Type == "limited" {
		h.Detail["quota"] = strconv.FormatInt(quota.Value, 10)
		h.Detail["remain"] = strconv.FormatInt(max(quota.Value-used.Total, 0), 10)
	}
	var hook struct {
		Endpoint string `json:"endpoint"`
		Active   bool   `json:"active"`
	}
	switch err := c.call(ctx, http.MethodGet, hookPath, nil, &hook); {
	case status(err) == http.StatusNotFound:
		h.Detail["hook"] = "none"
	case err != nil:
		return chat.Health{}, err
	default:
		h.Detail["hook"], h.Detail["hook_active"] = hook.Endpoint, strconv.FormatBool(hook.Active)
	}
	return h, nil
}

const hookPath = "/v2/bot/channel/webhook/endpoint"

// SetHook implements chat.Hooker. Whether LINE uses the hook at all is switched in its console.
func (c *account) SetHook(ctx context.Context, address string) error {
	return c.call(ctx, http.MethodPut, hookPath, map[string]string{"endpoint": address}, nil)
}
