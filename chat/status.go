package chat

// Status is how far a message of ours has come (CH-5).
type Status string

// Statuses, in their order; a message only ever moves on.
const (
	StatusQueued    Status = "queued"
	StatusSent      Status = "sent" // the platform has taken it
	StatusFailed    Status = "failed"
	StatusDelivered Status = "delivered"
	StatusRead      Status = "read"
	StatusPlayed    Status = "played"
)

var statusRank = map[Status]int{StatusQueued: 1, StatusSent: 2, StatusFailed: 3, StatusDelivered: 4, StatusRead: 5, StatusPlayed: 6}

// Next is the status after news has come, in whatever order: a late lower one undoes nothing, and what was delivered has not failed.
func (s Status) Next(news Status) Status {
	if statusRank[news] > statusRank[s] {
		return news
	}
	return s
}
