package crm

import (
	"slices"

	"tandem/internal/fault"
)

// Status is where a ticket stands (TK-4).
type Status string

// The statuses.
const (
	ToDo       Status = "to_do"
	InProgress Status = "in_progress"
	OnHold     Status = "on_hold" // pauses the SLA
	Resolved   Status = "resolved"
	Reopened   Status = "reopened"
)

// ErrStatus says that a ticket may not go from its status to the one asked for.
var ErrStatus = fault.New(fault.Illegal, "ticket_status", "A ticket cannot go from its status to that one.").WithField("status")

// Next says whether a ticket may go from s to another status, by ErrStatus.
func (s Status) Next(to Status) error {
	var allowed []Status
	switch s {
	case ToDo, Reopened:
		allowed = []Status{InProgress, OnHold, Resolved}
	case InProgress:
		allowed = []Status{OnHold, Resolved}
	case OnHold:
		allowed = []Status{InProgress, Resolved}
	case Resolved:
		allowed = []Status{Reopened}
	}
	if !slices.Contains(allowed, to) {
		return ErrStatus
	}
	return nil
}

// Priority of a ticket (TK-3).
type Priority string

// The priorities.
const (
	Urgent Priority = "urgent"
	High   Priority = "high"
	Medium Priority = "medium"
	Low    Priority = "low"
)

// ErrPriority refuses a priority that there is not.
var ErrPriority = fault.New(fault.Invalid, "bad_priority", "A priority is urgent, high, medium or low.").WithField("priority")

func (p Priority) check() error {
	if !slices.Contains([]Priority{Urgent, High, Medium, Low}, p) {
		return ErrPriority
	}
	return nil
}
