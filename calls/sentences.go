package calls

import (
	"fmt"
	"strings"
)

// sayable is a sentence that callers may hear, in every language that the server speaks.
type sayable int

const (
	sayComfort sayable = iota
	sayFull
	sayClosed
	sayLeaveMessage
	sayNoVoicemail
	sayConsent
	sayGoodbye
)

var english = map[sayable]string{
	sayComfort:      "Please hold the line. Your agent will be right back with you.",
	sayFull:         "All lines are busy at the moment. Please call again later. Goodbye.",
	sayClosed:       "Thank you for calling. We are closed at the moment. Please call again during our opening hours. Goodbye.",
	sayLeaveMessage: "Thank you for calling. We are closed at the moment. Please leave a message after the tone.",
	sayNoVoicemail:  "We cannot take a message at the moment. Please call again later. Goodbye.",
	sayConsent:      "This call is recorded. If you do not want that, press one.",
	sayGoodbye:      "We did not receive your choice. Goodbye.",
}

var chinese = map[sayable]string{
	sayComfort:      "请稍候,客服马上回来。",
	sayFull:         "现在线路全忙,请稍后再拨。再见。",
	sayClosed:       "感谢您的来电。现在是非工作时间,请在工作时间再拨。再见。",
	sayLeaveMessage: "感谢您的来电。现在是非工作时间,请在提示音后留言。",
	sayNoVoicemail:  "现在无法留言,请稍后再拨。再见。",
	sayConsent:      "本次通话将被录音。如不同意,请按一。",
	sayGoodbye:      "没有收到您的选择。再见。",
}

func isChinese(language string) bool { return strings.HasPrefix(language, "zh") }

func sentence(language string, what sayable) string {
	if isChinese(language) {
		return chinese[what]
	}
	return english[what]
}

func positionSentence(language string, n int) string {
	switch {
	case isChinese(language) && n == 1:
		return "您是下一位。"
	case isChinese(language):
		return fmt.Sprintf("您排在第%d位。", n)
	case n == 1:
		return "You are next in line."
	default:
		return fmt.Sprintf("You are number %d in line.", n)
	}
}

func choiceSentence(language, name string, key rune) string {
	if isChinese(language) {
		return fmt.Sprintf("%s请按%c。", name, key)
	}
	return fmt.Sprintf("For %s, press %c.", name, key)
}
