package notify

// sentence is what a person reads. It names nobody and no number: it is shown on locked screens and passes through others' hands.
type sentence struct {
	title string
	body  string
}

func sentences(language string) map[Kind]sentence {
	if language == "zh" {
		return map[Kind]sentence{
			KindOffer:     {"来电", "有来电正在等您接听。"},
			KindMissed:    {"错过来电", "您有一个未接的来电。"},
			KindVoicemail: {"新语音留言", "您收到一条新的语音留言。"},
			KindCallback:  {"回电等待中", "有客户正在等待回电。"},
			KindMessage:   {"新消息", "您的会话中有一条新消息。"},
			KindTicket:    {"工单即将超时", "您负责的一张工单即将违约或已经违约。"},
			KindTest:      {"测试", "通知可以送达这里。"},
		}
	}
	return map[Kind]sentence{
		KindOffer:     {"Incoming call", "A call is waiting for you to answer."},
		KindMissed:    {"Missed call", "You missed a call."},
		KindVoicemail: {"New voicemail", "A voicemail was left for you."},
		KindCallback:  {"Callback waiting", "A customer is waiting to be called back."},
		KindMessage:   {"New message", "There is a new message in one of your conversations."},
		KindTicket:    {"Ticket due", "What was promised for one of your tickets is about to be broken, or is."},
		KindTest:      {"Test", "Notifications reach you here."},
	}
}

// path is the screen that answers a kind.
func (k Kind) path() string {
	switch k {
	case KindTest:
		return "/profile"
	case KindTicket:
		return "/tickets?sort=due"
	}
	return "/"
}
