package analytics

// QueueFigures are what a queue's counts amount to. A figure without a denominator is left out.
type QueueFigures struct {
	AnswerSpeed       *float64 `json:"average_speed_of_answer_seconds,omitempty"`
	AbandonRate       *float64 `json:"abandon_rate,omitempty"`
	LevelHandled      *float64 `json:"service_level_of_handled,omitempty"`
	LevelOffered      *float64 `json:"service_level_of_offered,omitempty"`
	LevelWithoutLost  *float64 `json:"service_level_without_short_abandons,omitempty"`
	LevelAbandons     *float64 `json:"service_level_with_abandons,omitempty"`
	HandleTime        *float64 `json:"average_handle_seconds,omitempty"`
	TalkTime          *float64 `json:"average_talk_seconds,omitempty"`
	HoldTime          *float64 `json:"average_hold_seconds,omitempty"`
	WrapUpTime        *float64 `json:"average_wrap_up_seconds,omitempty"`
	TransferRate      *float64 `json:"transfer_rate,omitempty"`
	RONARate          *float64 `json:"rona_rate,omitempty"`
	MeanError         *float64 `json:"average_estimate_error_seconds,omitempty"`
	CallbackSuccess   *float64 `json:"callback_success,omitempty"`
	FirstResponseTime *float64 `json:"average_first_response_seconds,omitempty"`
	ResponseTime      *float64 `json:"average_response_seconds,omitempty"`
	ResolutionTime    *float64 `json:"average_resolution_seconds,omitempty"`
	Satisfaction      *float64 `json:"csat,omitempty"`
	MeanScore         *float64 `json:"average_score,omitempty"`
}

// Figures works out c's figures. docs/reports.md has the formulas.
func (c QueueCounts) Figures() QueueFigures {
	return QueueFigures{
		AnswerSpeed:       ratio(c.WaitHandled, c.Handled),
		AbandonRate:       ratio(c.Abandoned, c.Offered),
		LevelHandled:      ratio(c.HandledInTime, c.Handled),
		LevelOffered:      ratio(c.HandledInTime, c.Offered),
		LevelWithoutLost:  ratio(c.HandledInTime, c.Offered-c.AbandonedShort),
		LevelAbandons:     ratio(c.HandledInTime+c.AbandonedInTime, c.Offered),
		HandleTime:        ratio(c.Talk+c.Hold+c.WrapUp, c.Completed),
		TalkTime:          ratio(c.Talk, c.Completed),
		HoldTime:          ratio(c.Hold, c.Completed),
		WrapUpTime:        ratio(c.WrapUp, c.Completed),
		TransferRate:      ratio(c.Transferred, c.Handled),
		RONARate:          ratio(c.Missed, c.Offers),
		MeanError:         ratio(c.EstimateError, c.Estimated),
		CallbackSuccess:   ratio(c.CallbacksConnected, c.Callbacks),
		FirstResponseTime: ratio(c.FirstResponse, c.FirstResponses),
		ResponseTime:      ratio(c.Response, c.Responses),
		ResolutionTime:    ratio(c.Resolution, c.Closed),
		Satisfaction:      ratio(c.Satisfied, c.Rated),
		MeanScore:         ratio(c.Score, c.Rated),
	}
}

// AgentFigures are what an agent's counts amount to. A figure without a denominator is left out.
type AgentFigures struct {
	HandleTime        *float64 `json:"average_handle_seconds,omitempty"`
	TalkTime          *float64 `json:"average_talk_seconds,omitempty"`
	HoldTime          *float64 `json:"average_hold_seconds,omitempty"`
	WrapUpTime        *float64 `json:"average_wrap_up_seconds,omitempty"`
	Occupancy         *float64 `json:"occupancy,omitempty"`
	Utilisation       *float64 `json:"utilisation,omitempty"`
	TransferRate      *float64 `json:"transfer_rate,omitempty"`
	RONARate          *float64 `json:"rona_rate,omitempty"`
	FirstResponseTime *float64 `json:"average_first_response_seconds,omitempty"`
	ResponseTime      *float64 `json:"average_response_seconds,omitempty"`
	Satisfaction      *float64 `json:"csat,omitempty"`
	MeanScore         *float64 `json:"average_score,omitempty"`
	Concurrency       *float64 `json:"concurrency,omitempty"`
}

// Figures works out c's figures. docs/reports.md has the formulas.
func (c AgentCounts) Figures() AgentFigures {
	return AgentFigures{
		HandleTime:        ratio(c.Talk+c.Hold+c.WrapUp, c.Completed),
		TalkTime:          ratio(c.Talk, c.Completed),
		HoldTime:          ratio(c.Hold, c.Completed),
		WrapUpTime:        ratio(c.WrapUp, c.Completed),
		Occupancy:         ratio(c.Handling, c.Handling+c.Ready),
		Utilisation:       ratio(c.Handling, c.Login),
		TransferRate:      ratio(c.Transferred, c.Handled),
		RONARate:          ratio(c.Missed, c.Offers),
		FirstResponseTime: ratio(c.FirstResponse, c.FirstResponses),
		ResponseTime:      ratio(c.Response, c.Responses),
		Satisfaction:      ratio(c.Satisfied, c.Rated),
		MeanScore:         ratio(c.Score, c.Rated),
		Concurrency:       ratio(c.Conversation, c.Conversing),
	}
}

type number interface{ ~int64 | ~float64 }

func ratio[A, B number](a A, b B) *float64 {
	if b <= 0 {
		return nil
	}
	return new(float64(a) / float64(b))
}
