package wechat

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"tandem/chat"
)

// Decode reads a body, or its encrypted part. One body brings one message or event of the platform's.
func (c *account) Decode(r chat.Hook) ([]chat.Event, error) {
	if r.Method == http.MethodGet {
		return nil, nil
	}
	body := r.Body
	m, err := parse(body)
	if err != nil {
		return nil, fmt.Errorf("read the body: %w", err)
	}
	if m.Encrypt != "" {
		if c.key == nil {
			return nil, errSealed
		}
		if body, err = c.unseal(m.Encrypt); err != nil {
			return nil, err
		}
		if m, err = parse(body); err != nil {
			return nil, fmt.Errorf("read the encrypted part: %w", err)
		}
	}
	if m.FromUserName == "" || m.MsgType == "" {
		return nil, errors.New("the body names no sender or no type")
	}
	base := chat.Event{From: chat.Person{ID: m.FromUserName}, At: at(m.CreateTime)}
	if m.MsgType == "event" {
		return events(base, m, body), nil
	}
	base.Key = m.MsgID
	base.Message = incoming(m, body)
	if base.Key == "" {
		base.Key = m.FromUserName + ":" + m.CreateTime + ":" + m.MsgType
		base.Message.ID = base.Key
	}
	return []chat.Event{base}, nil
}

// at reads seconds since 1970; a time that nobody can mean is none.
func at(seconds string) time.Time {
	s, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil || s <= 0 || s > math.MaxUint32 {
		return time.Time{}
	}
	return time.Unix(s, 0).UTC()
}

// incoming is a customer's message.
func incoming(m message, body []byte) *chat.Incoming {
	in := &chat.Incoming{ID: m.MsgID, Window: chat.ByMessage}
	switch m.MsgType {
	case "text":
		in.Kind, in.Text = chat.Text, m.Content
		if m.MenuID != "" {
			in.Kind, in.Body.Choice = chat.Choice, &chat.Chosen{ID: m.MenuID, Title: m.Content}
		}
	case "image":
		in.Kind, in.Media = chat.MediaOf, []chat.MediaRef{{Kind: chat.Image, ID: m.MediaID}}
	case "voice":
		in.Kind, in.Text = chat.MediaOf, m.Recognition
		in.Media = []chat.MediaRef{{Kind: chat.Audio, ID: m.MediaID, Voice: true, ContentType: voiceType(m.Format)}}
	case "video", "shortvideo":
		in.Kind, in.Media = chat.MediaOf, []chat.MediaRef{{Kind: chat.Video, ID: m.MediaID, ContentType: "video/mp4"}}
	case "location":
		place, ok := where(m)
		if !ok {
			return unsupported(in, m.MsgType, body)
		}
		in.Kind, in.Body.Location = chat.Location, place
	case "link":
		in.Kind, in.Text, in.Body.Link = chat.Text, m.Description, &chat.Link{Title: m.Title, URL: m.URL}
		if in.Text == "" {
			in.Text = m.Title
		}
	default:
		return unsupported(in, m.MsgType, body)
	}
	if len(in.Media) == 1 && in.Media[0].ID == "" {
		return unsupported(in, m.MsgType, body)
	}
	return in
}

func voiceType(format string) string {
	switch strings.ToLower(format) {
	case "amr":
		return "audio/amr"
	case "speex":
		return "audio/speex"
	case "mp3":
		return "audio/mpeg"
	}
	return ""
}

func where(m message) (*chat.Place, bool) {
	lat, err1 := strconv.ParseFloat(m.Latitude, 64)
	lon, err2 := strconv.ParseFloat(m.Longitude, 64)
	if err1 != nil || err2 != nil || !(math.Abs(lat) <= 90) || !(math.Abs(lon) <= 180) { // not: lat > 90, for NaN
		return nil, false
	}
	return &chat.Place{Latitude: lat, Longitude: lon, Name: m.Poiname, Address: m.Label}, true
}

// unsupported keeps the body as it came; being XML, as a string.
func unsupported(in *chat.Incoming, kind string, body []byte) *chat.Incoming {
	raw, err := json.Marshal(map[string]string{"xml": string(body)})
	if err != nil {
		raw = nil // strings are always written
	}
	return &chat.Incoming{ID: in.ID, Kind: chat.Unsupported, Window: in.Window, Body: chat.Body{Type: kind}, Raw: raw}
}

// events are what an event of the platform's says. Events have no id: sender, time and name make their key (channels.md 1.1).
func events(base chat.Event, m message, body []byte) []chat.Event {
	base.Key = m.FromUserName + ":" + m.CreateTime + ":" + m.Event
	switch strings.ToLower(m.Event) {
	case "subscribe":
		yes := true
		begin := base
		base.Key += ":contact"
		base.Contact = &chat.ContactEvent{Reachable: &yes, Why: m.Event}
		begin.Message = began(begin.Key, m)
		return []chat.Event{base, begin}
	case "unsubscribe":
		no := false
		base.Contact = &chat.ContactEvent{Reachable: &no, Why: m.Event}
	case "scan":
		base.Message = began(base.Key, m)
	case "click", "scancode_push", "scancode_waitmsg":
		base.Contact = &chat.ContactEvent{Why: m.Event, Window: chat.ByAction}
	case "templatesendjobfinish":
		base.Key += ":" + m.JobID
		base.Receipt = templateReceipt(m)
	case "masssendjobfinish":
		base.Key += ":" + m.JobID
		base.From = chat.Person{} // it is told in the account's own name
		base.Account = &chat.AccountEvent{Detail: map[string]string{
			"mass_id": m.JobID, "mass_status": m.Status, "mass_total": m.TotalCount, "mass_filtered": m.FilterCount, "mass_sent": m.SentCount, "mass_failed": m.ErrorCount,
		}}
	default:
		if quiet(m.Event) {
			return nil
		}
		base.Message = unsupported(&chat.Incoming{ID: base.Key}, "event:"+m.Event, body)
	}
	return []chat.Event{base}
}

// quiet names events that say nothing to us: opened links, reported positions, pictures from the menu (which come as messages too), and
// what the platform's own agents' desk does.
func quiet(event string) bool {
	switch strings.ToLower(event) {
	case "view", "view_miniprogram", "location", "pic_sysphoto", "pic_photo_or_album", "pic_weixin", "location_select",
		"kf_create_session", "kf_close_session", "kf_switch_session":
		return true
	}
	return false
}

// began is a follow or a scan. The scene is what the account has put into its QR code.
func began(id string, m message) *chat.Incoming {
	in := &chat.Incoming{ID: id, Kind: chat.Begin, Window: chat.ByAction}
	if scene := strings.TrimPrefix(m.EventKey, "qrscene_"); scene != "" {
		in.Body.Referral = map[string]string{"source": "qr", "ref": scene}
		if m.Ticket != "" {
			in.Body.Referral["ticket"] = m.Ticket
		}
	}
	return in
}

func templateReceipt(m message) *chat.Receipt {
	r := &chat.Receipt{ID: m.JobID, Status: chat.StatusDelivered}
	if m.Status == "success" {
		return r
	}
	r.Status = chat.StatusFailed
	r.Err = &chat.SendError{Verdict: chat.VerdictRejected, Code: "template", Detail: m.Status}
	if strings.Contains(m.Status, "user") { // "failed:user block"
		r.Err.Verdict = chat.VerdictOptedOut
	}
	return r
}
