// Package api is the HTTP side of Tandem: one route table, thin handlers, the OpenAPI document made from them, and the screens' files.
package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"tandem/internal/auth"
	"tandem/internal/events"
)

const (
	prefix = "/api/v1"
	cookie = "tandem_session"
)

// Config is what the API stands on.
type Config struct {
	Services
	Log       *slog.Logger
	Metrics   prometheus.Gatherer     // what /metrics shows
	Count     prometheus.Registerer   // where the API's own metric goes; nil: nowhere
	Ready     func() error            // nil when the node takes work; its sentence is shown
	Web       fs.FS                   // the built screens, with index.html; nil: none
	Routes    map[string]http.Handler // further patterns of the same listener, as http.ServeMux knows them: "/ws"
	Customers uuid.UUID               // the tenant whose numbers customers' pages call without signing in; uuid.Nil: none
	TLS       bool                    // the listener, or the proxy before it, speaks TLS: cookies are Secure
	Version   string                  // of the program, for the OpenAPI document
}

// Server is an http.Handler.
type Server struct {
	Services
	cfg      Config
	log      *slog.Logger
	asked    *prometheus.CounterVec
	huma     huma.API
	document []byte
	handler  http.Handler

	strangers *limiter
	pages     *limiter // customers' pages
}

// New builds every route.
func New(cfg Config) (*Server, error) {
	s := &Server{Services: cfg.Services, cfg: cfg, log: cfg.Log, strangers: newLimiter(publicBurst, publicEvery), pages: newLimiter(pagesBurst, pagesEvery)}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.asked = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tandem_http_requests_total", Help: "API requests by operation and status; operation none: no such route.",
	}, []string{"operation", "status"})
	if cfg.Count != nil {
		if err := cfg.Count.Register(s.asked); err != nil {
			return nil, fmt.Errorf("register the API's metric: %w", err)
		}
	}
	mux := http.NewServeMux()
	s.huma = humago.New(mux, s.description())
	for _, r := range s.routes() {
		r.bind(s.huma, r.operation(s))
	}
	tidySchemas(s.huma.OpenAPI())
	var err error
	if s.document, err = json.MarshalIndent(s.huma.OpenAPI(), "", "  "); err != nil {
		return nil, fmt.Errorf("write the OpenAPI document: %w", err)
	}
	s.document = append(s.document, '\n')
	mux.HandleFunc("GET /api/openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/openapi+json")
		_, _ = w.Write(s.document) // the client may be gone
	})
	mux.HandleFunc("/api/", func(w http.ResponseWriter, _ *http.Request) {
		s.asked.WithLabelValues("none", "404").Inc()
		writeProblem(w, http.StatusNotFound, "route_not_found", "The API has no such route; see /api/openapi.json.")
	})
	s.addOperations(mux)
	for pattern, h := range cfg.Routes {
		mux.Handle(pattern, h)
	}
	if cfg.Web != nil {
		mux.Handle("GET /a/{token}", s.actionPage(cfg.Web))
		mux.Handle("GET /panel/{id}", s.panelPage(cfg.Web))
		mux.Handle("/", screens(cfg.Web))
	}
	origins := http.NewCrossOriginProtection()
	origins.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		writeProblem(w, http.StatusForbidden, "cross_origin", "Another site's page cannot change anything here.")
	}))
	s.handler = secure(origins.Handler(mux), cfg.TLS)
	return s, nil
}

// ServeHTTP answers a request. A panic in a handler is a 500 and a line in the log; what had begun to be sent is cut off.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		if p == http.ErrAbortHandler { //nolint:errorlint // the sentinel itself, as net/http compares it
			panic(p)
		}
		s.log.Error("a handler panicked", "method", r.Method, "stack", string(debug.Stack()))
		writeProblem(w, http.StatusInternalServerError, "internal", "Something went wrong on our side; try again.")
	}()
	s.handler.ServeHTTP(w, r)
}

// Document returns what /api/openapi.json shows.
func (s *Server) Document() []byte { return s.document }

func (s *Server) description() huma.Config {
	c := huma.DefaultConfig("Tandem", s.cfg.Version)
	c.OpenAPIPath, c.DocsPath, c.SchemasPath, c.CreateHooks = "", "", "", nil
	c.Formats = map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat}
	c.Transformers = []huma.Transformer{ownProblem, emptyLists}
	c.Components.Schemas = huma.NewMapRegistry("#/components/schemas/", schemaName)
	c.Info.Description = "Errors are application/problem+json with a code. Lists are {items, next_cursor}. Programs send Authorization: Bearer KEY."
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"session": {Type: "apiKey", In: "cookie", Name: cookie},
		"key":     {Type: "http", Scheme: "bearer"},
	}
	return c
}

// addOperations serves what watches the process.
func (s *Server) addOperations(mux *http.ServeMux) {
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintln(w, "ok") // the client may be gone
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if s.cfg.Ready != nil {
			if err := s.cfg.Ready(); err != nil {
				writeProblem(w, http.StatusServiceUnavailable, "not_ready", err.Error())
				return
			}
		}
		_, _ = fmt.Fprintln(w, "ready")
	})
	if s.cfg.Metrics != nil {
		mux.Handle("GET /metrics", promhttp.HandlerFor(s.cfg.Metrics, promhttp.HandlerOpts{}))
	}
}

// identify puts who asks into the context: by API key when one is given, else by the session cookie.
func (s *Server) identify(r *http.Request) (context.Context, error) {
	ctx := r.Context()
	var actor auth.Actor
	var err error
	if header := r.Header.Get("Authorization"); header != "" {
		scheme, key, _ := strings.Cut(header, " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return ctx, auth.ErrUnauthorized
		}
		actor, err = s.Auth.AuthenticateKey(ctx, strings.TrimSpace(key))
	} else if c, cerr := r.Cookie(cookie); cerr == nil {
		actor, err = s.Auth.Authenticate(ctx, c.Value)
	} else if c, cerr := r.Cookie(panelCookie); cerr == nil {
		actor, err = s.Auth.Authenticate(ctx, c.Value)
	} else {
		return ctx, nil
	}
	if err != nil {
		return ctx, err
	}
	return auth.With(events.WithActor(ctx, actor.User), actor), nil
}

func (s *Server) sessionCookie(value string, until time.Time) http.Cookie {
	c := http.Cookie{Name: cookie, Value: value, Path: "/", HttpOnly: true, Secure: s.cfg.TLS, SameSite: http.SameSiteLaxMode, Expires: until}
	if value == "" {
		c.MaxAge = -1
	}
	return c
}
