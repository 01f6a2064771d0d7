package queues

import (
	"slices"

	"github.com/google/uuid"
)

// Sayings are all that callers may hear by these settings besides greeting and music.
func (s Settings) Sayings() []Prompt {
	all := []Prompt{s.Deflection.Value.Prompt, s.Empty.Value.Join.Do.Prompt, s.Empty.Value.Leave.Do.Prompt}
	for _, r := range s.Overcapacity.Value {
		all = append(all, r.Do.Prompt)
	}
	for _, p := range s.Announcement.Value.Order {
		all = append(all, p.Prompt)
	}
	return slices.DeleteFunc(all, Prompt.blank)
}

// Refers lists the prompts, the queues and the opening hours that settings of waiting, hours and deflection name.
func (own OwnSettings) Refers() (prompts, queues, hours []uuid.UUID) {
	instead := func(d Deflection) { prompts, queues = append(prompts, d.Prompt.ID), append(queues, d.Queue) }
	if own.Deflection != nil {
		instead(*own.Deflection)
	}
	if own.DeflectionMobile != nil {
		queues = append(queues, own.DeflectionMobile.Queue)
	}
	if own.Overcapacity != nil {
		for _, r := range *own.Overcapacity {
			instead(r.Do)
		}
	}
	if own.Empty != nil {
		instead(own.Empty.Join.Do)
		instead(own.Empty.Leave.Do)
	}
	if own.Announcement != nil {
		for _, p := range own.Announcement.Order {
			prompts = append(prompts, p.Prompt.ID)
		}
	}
	if own.Hours != nil {
		hours = append(hours, *own.Hours)
	}
	if own.HoursOverrides != nil {
		for _, o := range *own.HoursOverrides {
			hours = append(hours, o.Hours)
		}
	}
	none := func(id uuid.UUID) bool { return id == uuid.Nil }
	return slices.DeleteFunc(prompts, none), slices.DeleteFunc(queues, none), slices.DeleteFunc(hours, none)
}
