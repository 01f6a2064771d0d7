package api

import (
	"context"
	"mime"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/google/uuid"

	"tandem/crm"
)

type attachmentID struct {
	ByID
	Attachment uuid.UUID `path:"attachment" format:"uuid"`
}

func (s *Server) getAttachment(ctx context.Context, in *attachmentID) (*huma.StreamResponse, error) {
	if _, err := s.ticket(ctx, in.ID); err != nil {
		return nil, err
	}
	file, err := s.CRM.OpenAttachment(ctx, tenant(ctx), in.ID, in.Attachment)
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		defer file.Close()
		r, w := humago.Unwrap(hc)
		a := file.Attachment
		// What a customer or a CRM once sent is never shown by the browser as a page of ours.
		kind, disposition := a.ContentType, "attachment"
		if slices.Contains([]string{"audio/wav", "audio/x-wav", "audio/ogg", "audio/mpeg"}, kind) {
			disposition = "inline"
		} else {
			kind = "application/octet-stream"
		}
		w.Header().Set("Content-Type", kind)
		w.Header().Set("Content-Disposition", mime.FormatMediaType(disposition, map[string]string{"filename": a.Name}))
		w.Header().Set("Cache-Control", "private, no-store")
		http.ServeContent(w, r, "", a.CreatedAt, file)
	}}, nil
}

// Peaks draw a waveform without the file.
type Peaks struct {
	Seconds  float64 `json:"seconds"`
	Channels [][]int `json:"channels" doc:"customer, agents; for each stretch the loudest sample, 0 to 255"`
}

func (s *Server) getPeaks(ctx context.Context, in *attachmentID) (*One[Peaks], error) {
	if _, err := s.ticket(ctx, in.ID); err != nil {
		return nil, err
	}
	p, err := s.CRM.Peaks(ctx, tenant(ctx), in.ID, in.Attachment)
	if err != nil {
		return nil, err
	}
	return one(peaksView(p), nil)
}

func peaksView(p crm.Peaks) Peaks {
	out := Peaks{Seconds: p.Seconds, Channels: make([][]int, len(p.Peaks))}
	for i, channel := range p.Peaks {
		out.Channels[i] = make([]int, len(channel)) // numbers: a list of bytes would be sent as base64
		for j, v := range channel {
			out.Channels[i][j] = int(v)
		}
	}
	return out
}
