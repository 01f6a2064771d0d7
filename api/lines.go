package api

import (
	"context"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"tandem/calls"
	"tandem/media/sound"
	"tandem/sip"
)

func (s *Server) lineRoutes() []route {
	return []route{
		on(s, "GET", "/numbers", "read:numbers", "list-numbers", "Numbers", s.listNumbers),
		on(s, "POST", "/numbers", "write:numbers", "add-number", "Make a number", s.addNumber),
		on(s, "GET", "/numbers/{id}", "read:numbers", "get-number", "One number", s.getNumber),
		on(s, "PUT", "/numbers/{id}", "write:numbers", "put-number", "Change a number", s.putNumber),
		on(s, "DELETE", "/numbers/{id}", "delete:numbers", "delete-number", "Take a number away", s.deleteNumber),
		on(s, "GET", "/trunks", "read:trunks", "list-trunks", "Trunks", s.listTrunks),
		on(s, "POST", "/trunks", "write:trunks", "add-trunk", "Make a trunk", s.addTrunk),
		on(s, "GET", "/trunks/{id}", "read:trunks", "get-trunk", "One trunk", s.getTrunk),
		on(s, "PUT", "/trunks/{id}", "write:trunks", "put-trunk", "Change a trunk", s.putTrunk),
		on(s, "GET", "/trunk-states", "read:trunks", "list-trunk-states", "How the trunks are that calls go out by, as the node sees them that answers", s.listTrunkStates),
		on(s, "POST", "/trunks/{id}/ask", "write:trunks", "ask-trunk", "Ask a trunk at once whether it is there, and register again", s.askTrunk),
		on(s, "POST", "/trunks/{id}/test-call", "write:trunks", "test-trunk", "Call a number by a trunk to see whether it works; the answer comes when the call is over", s.testTrunk),
		on(s, "DELETE", "/trunks/{id}", "delete:trunks", "delete-trunk", "Take a trunk away", s.deleteTrunk),
		on(s, "GET", "/sip-trace", "read:trunks", "get-sip-trace", "SIP messages kept while the trace is on, masked", s.getTrace),
		on(s, "PUT", "/sip-trace", "write:trunks", "put-sip-trace", "Keep SIP messages for some minutes, or no longer", s.putTrace),
		on(s, "GET", "/sip-bans", "read:trunks", "list-sip-bans", "Who is refused on all nodes because passwords were guessed", s.listBans),
		on(s, "DELETE", "/sip-bans/{id}", "write:trunks", "lift-sip-ban", "Let somebody try again", s.liftBan),
		on(s, "GET", "/outbound-rules", "read:trunks", "get-outbound-rules", "Which telephone numbers calls may go out to, and what the day's calls have used", s.getDialRules),
		on(s, "PUT", "/outbound-rules", "write:trunks", "put-outbound-rules", "Change which telephone numbers calls may go out to", s.putDialRules),
		on(s, "GET", "/prompts", "read:prompts", "list-prompts", "Prompts", s.listPrompts),
		on(s, "POST", "/prompts", "write:prompts", "add-speech", "Make a prompt from a text", s.addSpeech),
		on(s, "POST", "/prompts/upload", "write:prompts", "upload-prompt", "Make a prompt from a WAV or MP3 file", s.uploadPrompt).upTo(21 << 20),
		on(s, "GET", "/prompts/{id}", "read:prompts", "get-prompt", "One prompt", s.getPrompt),
		on(s, "GET", "/prompts/{id}/audio", "read:prompts", "get-prompt-audio", "A prompt's sound as WAV", s.promptAudio),
		on(s, "DELETE", "/prompts/{id}", "delete:prompts", "delete-prompt", "Remove a prompt that nothing plays", s.deletePrompt),
	}
}

// NumberInput is a number as it is to be.
type NumberInput struct {
	Number  string          `json:"number" minLength:"1" maxLength:"41"`
	Name    string          `json:"name,omitempty" maxLength:"200"`
	Kind    calls.EntryKind `json:"kind" enum:"menu,queue,echo,music,message,address,voicemail,agent"`
	Queue   *uuid.UUID      `json:"queue_id,omitempty"`
	Prompt  *uuid.UUID      `json:"prompt_id,omitempty"`
	Address string          `json:"address,omitempty" doc:"sip:user@host:port" maxLength:"200"`
	Record  bool            `json:"record,omitempty"`
	Agent   *uuid.UUID      `json:"agent_id,omitempty" doc:"who is called, or whose voicemail box it is"`
	// Voicemail is of numbers that call an agent.
	Voicemail bool         `json:"voicemail,omitempty" doc:"of an agent: callers who do not get them may leave a message; else the call is refused"`
	Access    calls.Access `json:"access,omitzero"`

	LookupToken string `json:"lookup_token,omitempty" maxLength:"500" doc:"sent to the lookup as bearer token; empty keeps the one there is"`
}

func (s *Server) listNumbers(ctx context.Context, _ *struct{}) (*List[calls.Number], error) {
	return whole(s.Numbers.List(ctx, tenant(ctx)))
}

func (s *Server) getNumber(ctx context.Context, in *ByID) (*One[calls.Number], error) {
	return one(s.Numbers.Get(ctx, tenant(ctx), in.ID))
}

func (s *Server) addNumber(ctx context.Context, in *With[NumberInput]) (*One[calls.Number], error) {
	return s.saveNumber(ctx, uuid.Nil, in.Body)
}

func (s *Server) putNumber(ctx context.Context, in *Change[NumberInput]) (*One[calls.Number], error) {
	return s.saveNumber(ctx, in.ID, in.Body)
}

// saveNumber looks first whether queue and prompt are the tenant's: foreign keys see every tenant's.
func (s *Server) saveNumber(ctx context.Context, id uuid.UUID, n NumberInput) (*One[calls.Number], error) {
	if n.Queue != nil {
		if err := s.knownQueue(ctx, *n.Queue); err != nil {
			return nil, err
		}
	}
	for _, r := range n.Access.Routes {
		if err := s.knownQueue(ctx, r.Queue); err != nil {
			return nil, err
		}
	}
	if n.Prompt != nil {
		if err := s.knownPrompt(ctx, *n.Prompt); err != nil {
			return nil, err
		}
	}
	if n.Agent != nil {
		if _, err := s.Queues.Agent(ctx, tenant(ctx), *n.Agent); err != nil {
			return nil, err
		}
	}
	return one(s.Numbers.Put(ctx, tenant(ctx), calls.Number{
		ID: id, Number: n.Number, Name: n.Name, Kind: n.Kind, Queue: n.Queue, Prompt: n.Prompt, Address: n.Address, Record: n.Record, Agent: n.Agent, Voicemail: n.Voicemail, Access: n.Access,
	}.WithToken(n.LookupToken)))
}

func (s *Server) deleteNumber(ctx context.Context, in *ByID) (*Nothing, error) {
	return nothing(s.Numbers.Delete(ctx, tenant(ctx), in.ID))
}

// TrunkInput is a trunk as it is to be.
type TrunkInput struct {
	Name       string   `json:"name" minLength:"1" maxLength:"80"`
	Networks   []string `json:"networks,omitempty" doc:"addresses or CIDRs it sends from"`
	Username   string   `json:"username,omitempty" maxLength:"64"`
	Password   string   `json:"password,omitempty" maxLength:"256" doc:"empty keeps the one there is"`
	Trusted    bool     `json:"trusted,omitempty" doc:"identity, flags and call data in headers are believed"`
	NAT        bool     `json:"nat,omitempty" doc:"its media may come from another address than its SDP says"`
	Headers    []string `json:"headers,omitempty" doc:"allow-list of X- headers and User-to-User"`
	Codecs     []string `json:"codecs,omitempty" doc:"allowed, in order of preference; none: all"`
	MaxCalls   int      `json:"max_calls,omitempty" minimum:"0" maximum:"1000000" doc:"0: no limit"`
	Refer      bool     `json:"refer,omitempty" doc:"its REFER is honoured: it sends callers whom it got from us elsewhere, within the outbound rules, and joins two calls that it has with us"`
	Encryption string   `json:"encryption,omitempty" enum:"off,prefer,require" default:"prefer" doc:"of the audio (SRTP), over TLS only; require refuses calls without it"`
	Enabled    bool     `json:"enabled"`

	Outbound          string `json:"outbound,omitempty" maxLength:"260" doc:"host:port that calls to telephone numbers go out to; empty: none"`
	OutboundTransport string `json:"outbound_transport,omitempty" enum:"udp,tcp,tls,auto" default:"udp" doc:"auto: by the NAPTR and SRV records of the address"`
	OutboundUsername  string `json:"outbound_username,omitempty" maxLength:"64" doc:"answers the trunk's challenges"`
	OutboundPassword  string `json:"outbound_password,omitempty" maxLength:"256" doc:"empty keeps the one there is"`
	CallerID          string `json:"caller_id,omitempty" maxLength:"33" doc:"the number shown to those called"`
	Priority          int    `json:"priority,omitempty" minimum:"0" maximum:"100" doc:"the trunk with the lowest is tried first; 0: 1"`
	Weight            int    `json:"weight,omitempty" minimum:"0" maximum:"100" doc:"its share among trunks of one priority; 0: 1"`
	CallsPerSecond    int    `json:"calls_per_second,omitempty" minimum:"0" maximum:"1000" doc:"begun by us, on each node; 0: no limit"`
	Keepalive         int    `json:"keepalive,omitempty" minimum:"0" maximum:"3600" doc:"seconds between OPTIONS, at least 5; 0: none"`
	Register          bool   `json:"register,omitempty" doc:"we register there, to be called"`
	NumberFormat      string `json:"number_format,omitempty" enum:"e164,digits,00" default:"e164" doc:"of numbers with a country code: +49…, 49… or 0049…"`

	DataParameters []sip.DataParameter `json:"data_parameters,omitempty" maxItems:"32" doc:"headers of calls that go out"`
}

func (t TrunkInput) passwords() sip.Passwords {
	return sip.Passwords{Inbound: t.Password, Outbound: t.OutboundPassword}
}

func (t TrunkInput) trunk(id uuid.UUID) sip.Trunk {
	return sip.Trunk{
		ID: id, Name: t.Name, Networks: t.Networks, Username: t.Username, Trusted: t.Trusted, NAT: t.NAT, Headers: t.Headers, Codecs: t.Codecs,
		MaxCalls: t.MaxCalls, Encryption: sip.Encryption(t.Encryption), Refer: t.Refer, Enabled: t.Enabled,
		Outbound: t.Outbound, OutboundTransport: t.OutboundTransport, OutboundUsername: t.OutboundUsername, CallerID: t.CallerID, DataParameters: t.DataParameters,
		Priority: t.Priority, Weight: t.Weight, CallsPerSecond: t.CallsPerSecond, Keepalive: t.Keepalive, Register: t.Register, NumberFormat: t.NumberFormat,
	}
}

// TrunkState is how a trunk is.
type TrunkState struct {
	Trunk uuid.UUID `json:"trunk_id"`
	sip.TrunkState
}

func (s *Server) listTrunks(ctx context.Context, _ *struct{}) (*List[sip.Trunk], error) {
	return whole(s.Trunks.Trunks(ctx, tenant(ctx)))
}

func (s *Server) listTrunkStates(ctx context.Context, _ *struct{}) (*List[TrunkState], error) {
	list := []TrunkState{}
	for id, st := range s.Trunks.TrunkStates(tenant(ctx)) {
		list = append(list, TrunkState{id, st})
	}
	return whole(list, nil)
}

func (s *Server) getTrunk(ctx context.Context, in *ByID) (*One[sip.Trunk], error) {
	return one(s.Trunks.Trunk(ctx, tenant(ctx), in.ID))
}

func (s *Server) askTrunk(ctx context.Context, in *ByID) (*Nothing, error) {
	return nothing(s.Trunks.AskTrunk(ctx, tenant(ctx), in.ID))
}

// TrunkTest is whom a trunk is to call.
type TrunkTest struct {
	Number string `json:"number" minLength:"2" maxLength:"60" doc:"as people write it; what may be called, the outbound rules say"`
}

func (s *Server) testTrunk(ctx context.Context, in *Change[TrunkTest]) (*One[sip.TestCall], error) {
	if _, err := s.Trunks.Trunk(ctx, tenant(ctx), in.ID); err != nil {
		return nil, err
	}
	return one(s.SIP.TestCall(ctx, tenant(ctx), in.ID, in.Body.Number))
}

func (s *Server) addTrunk(ctx context.Context, in *With[TrunkInput]) (*One[sip.Trunk], error) {
	return one(s.Trunks.PutTrunk(ctx, tenant(ctx), in.Body.trunk(uuid.Nil), in.Body.passwords()))
}

func (s *Server) putTrunk(ctx context.Context, in *Change[TrunkInput]) (*One[sip.Trunk], error) {
	return one(s.Trunks.PutTrunk(ctx, tenant(ctx), in.Body.trunk(in.ID), in.Body.passwords()))
}

func (s *Server) deleteTrunk(ctx context.Context, in *ByID) (*Nothing, error) {
	return nothing(s.Trunks.DeleteTrunk(ctx, tenant(ctx), in.ID))
}

// SIPTrace is what is kept of SIP messages.
type SIPTrace struct {
	Until   *time.Time         `json:"until,omitempty" doc:"while it is on"`
	Dialogs []sip.TracedDialog `json:"dialogs" doc:"of all nodes, the newest first"`
}

// TraceInput switches the trace.
type TraceInput struct {
	Minutes int `json:"minutes" minimum:"0" maximum:"60" doc:"0: off, and what was kept is gone"`
}

func (s *Server) getTrace(ctx context.Context, _ *struct{}) (*One[SIPTrace], error) {
	dialogs, until, err := s.Trunks.Trace(ctx, tenant(ctx))
	out := SIPTrace{Dialogs: dialogs}
	if until.After(s.DB.Now()) {
		out.Until = &until
	}
	return one(out, err)
}

func (s *Server) putTrace(ctx context.Context, in *With[TraceInput]) (*One[SIPTrace], error) {
	if err := s.Trunks.SetTrace(ctx, tenant(ctx), time.Duration(in.Body.Minutes)*time.Minute); err != nil {
		return nil, err
	}
	return s.getTrace(ctx, nil)
}

func (s *Server) listBans(ctx context.Context, _ *struct{}) (*List[sip.Ban], error) {
	return whole(s.Trunks.Bans(ctx, tenant(ctx)))
}

func (s *Server) liftBan(ctx context.Context, in *ByID) (*Nothing, error) {
	return nothing(s.Trunks.LiftBan(ctx, tenant(ctx), in.ID))
}

// OutboundRules are which telephone numbers calls may go out to.
type OutboundRules struct {
	sip.DialRules
	Used  sip.Usage `json:"used"`
	Known []string  `json:"known_countries" doc:"ISO codes of those that can be allowed"`
}

func (s *Server) getDialRules(ctx context.Context, _ *struct{}) (*One[OutboundRules], error) {
	r, used, err := s.Trunks.DialRules(ctx, tenant(ctx))
	return one(OutboundRules{r, used, sip.Countries()}, err)
}

func (s *Server) putDialRules(ctx context.Context, in *With[sip.DialRules]) (*One[OutboundRules], error) {
	if err := s.Trunks.PutDialRules(ctx, tenant(ctx), in.Body); err != nil {
		return nil, err
	}
	return s.getDialRules(ctx, nil)
}

// NewSpeech is a prompt to be spoken by the TTS engine.
type NewSpeech struct {
	Name     string  `json:"name" minLength:"1" maxLength:"200"`
	Text     string  `json:"text" minLength:"1" maxLength:"2000"`
	Language string  `json:"language,omitempty" enum:"en,zh" default:"en"`
	Speed    float64 `json:"speed,omitempty" minimum:"0.5" maximum:"2" default:"1"`

	Of *uuid.UUID `json:"translation_of,omitempty" doc:"the prompt that this one says in another language"`
}

type promptUpload struct {
	RawBody huma.MultipartFormFiles[promptForm]
}

type promptForm struct {
	File     huma.FormFile `form:"file" required:"true" doc:"WAV or MP3, 20 MB at most"`
	Name     string        `form:"name" required:"true" minLength:"1" maxLength:"200"`
	Language string        `form:"language" required:"false" enum:"en,zh"`
	Of       string        `form:"translation_of" required:"false" doc:"the prompt that this one says in another language"`
}

func (s *Server) listPrompts(ctx context.Context, _ *struct{}) (*List[calls.Prompt], error) {
	return whole(s.Prompts.List(ctx, tenant(ctx)))
}

func (s *Server) getPrompt(ctx context.Context, in *ByID) (*One[calls.Prompt], error) {
	return one(s.Prompts.Get(ctx, tenant(ctx), in.ID))
}

func (s *Server) addSpeech(ctx context.Context, in *With[NewSpeech]) (*One[calls.Prompt], error) {
	if in.Body.Of != nil {
		if err := s.knownPrompt(ctx, *in.Body.Of); err != nil {
			return nil, err
		}
	}
	return one(s.Prompts.AddSpeech(ctx, tenant(ctx), in.Body.Name, in.Body.Text, in.Body.Language, in.Body.Of, in.Body.Speed))
}

func (s *Server) uploadPrompt(ctx context.Context, in *promptUpload) (*One[calls.Prompt], error) {
	form := in.RawBody.Data()
	defer form.File.Close()
	if form.Language == "" {
		form.Language = "en"
	}
	var of *uuid.UUID
	if form.Of != "" {
		id, err := uuid.Parse(form.Of)
		if err != nil {
			return nil, calls.ErrPromptNotFound.WithField("translation_of")
		}
		if err := s.knownPrompt(ctx, id); err != nil {
			return nil, err
		}
		of = &id
	}
	return one(s.Prompts.Upload(ctx, tenant(ctx), form.Name, form.Language, of, form.File))
}

type audio struct {
	ContentType string `header:"Content-Type"`
	Body        []byte `contentType:"audio/wav"`
}

const previewRate = 16000

func (s *Server) promptAudio(ctx context.Context, in *ByID) (*audio, error) {
	a, err := s.Prompts.Load(ctx, tenant(ctx), in.ID, "")
	if err != nil {
		return nil, err
	}
	return &audio{ContentType: "audio/wav", Body: sound.PCM{Rate: previewRate, Samples: a.PCM(previewRate)}.WAV()}, nil
}

func (s *Server) deletePrompt(ctx context.Context, in *ByID) (*Nothing, error) {
	return nothing(s.Prompts.Delete(ctx, tenant(ctx), in.ID))
}
