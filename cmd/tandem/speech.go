package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/google/uuid"

	"tandem/calls"
	"tandem/internal/events"
	"tandem/internal/storage"
	"tandem/queues"
)

// speech is the store of spoken texts: with the other blobs, so that what one node has spoken no other speaks again.
type speech struct{ blobs storage.Blobs }

// Get implements sound.Store.
func (s speech) Get(ctx context.Context, key string) ([]byte, error) {
	r, err := s.blobs.Get(ctx, "speech/"+key)
	if errors.Is(err, storage.ErrNoBlob) {
		return nil, fmt.Errorf("%w: %w", fs.ErrNotExist, err)
	}
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

// Put implements sound.Store.
func (s speech) Put(ctx context.Context, key string, data []byte) error {
	_, err := s.blobs.Put(ctx, "speech/"+key, bytes.NewReader(data))
	return err
}

// speakQueue is the job of speaking a queue's texts before somebody calls. Where Queue is the tenant itself, all queues are meant.
type speakQueue struct {
	Tenant uuid.UUID `json:"tenant"`
	Queue  uuid.UUID `json:"queue"`
}

// Kind implements storage.Job.
func (speakQueue) Kind() string { return "speak_queue" }

// followQueues enqueues a speakQueue for each change of a queue.
func (a *app) followQueues() *events.Follower {
	types := []string{"queue.changed"}
	return &events.Follower{Name: "speech", DB: a.db, Bus: a.bus, Log: a.log, Types: types, Handle: func(ctx context.Context, tx *storage.Tx, e events.Event) error {
		return a.jobs.Enqueue(ctx, tx, speakQueue{Tenant: e.Tenant, Queue: e.Subject})
	}}
}

// speaker speaks ahead.
type speaker struct {
	desk    *queueDesk
	prompts *calls.Prompts
}

// speak does a speakQueue: the queue, those below, which inherit from it, and the menus that they are in. A change that was no queue's
// (an agent's, opening hours) finds nothing to do.
func (s speaker) speak(ctx context.Context, job speakQueue) error {
	all, err := s.desk.queues.Queues(ctx, job.Tenant)
	if err != nil {
		return err
	}
	menus := map[uuid.UUID]bool{}
	for _, q := range below(all, job) {
		menus[q.ID], menus[q.Parent] = true, true
		plan, err := s.desk.Plan(ctx, job.Tenant, q.ID, calls.ChannelIVR, "")
		if err != nil {
			return err
		}
		if err := s.prompts.QueueAhead(ctx, job.Tenant, plan); err != nil {
			return err
		}
	}
	delete(menus, uuid.Nil)
	for id := range menus {
		menu, err := s.desk.Menu(ctx, job.Tenant, id)
		if errors.Is(err, queues.ErrNoMenu) {
			continue
		}
		if err != nil {
			return err
		}
		if err := s.prompts.MenuAhead(ctx, job.Tenant, menu); err != nil {
			return err
		}
	}
	return nil
}

// below returns the queue of the job and those under it that are in use.
func below(all []queues.Queue, job speakQueue) (found []queues.Queue) {
	parents := map[uuid.UUID]uuid.UUID{}
	for _, q := range all {
		parents[q.ID] = q.Parent
	}
	for _, q := range all {
		for id := q.ID; q.ArchivedAt == nil && id != uuid.Nil; id = parents[id] {
			if id == job.Queue || job.Queue == job.Tenant {
				found = append(found, q)
				break
			}
		}
	}
	return found
}
