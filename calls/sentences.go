package calls

import (
	"fmt"
	"math"
	"strings"
	"time"
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
	sayLeaveMessageBusy
	sayThanks
	sayWithheld
	sayEnterNumber
	sayAccepted
	sayCallback
	sayNoCallback
)

var english = map[sayable]string{
	sayComfort:      "Please hold the line. Your agent will be right back with you.",
	sayFull:         "All lines are busy at the moment. Please call again later. Goodbye.",
	sayClosed:       "Thank you for calling. We are closed at the moment. Please call again during our opening hours. Goodbye.",
	sayLeaveMessage: "Thank you for calling. We are closed at the moment. Please leave a message after the tone.",
	sayNoVoicemail:  "We cannot take a message at the moment. Please call again later. Goodbye.",
	sayConsent:      "This call is recorded. If you do not want that, press one.",
	sayGoodbye:      "We did not receive your choice. Goodbye.",

	sayLeaveMessageBusy: "Thank you for calling. Nobody can take your call at the moment. Please leave a message after the tone.",
	sayThanks:           "Thank you for your message. Goodbye.",
	sayWithheld:         "Your number is withheld.",
	sayEnterNumber:      "Please enter the number at which we can reach you, and then press the hash key.",
	sayAccepted:         "Number accepted.",
	sayCallback:         "Thank you. You keep your place, and we will call you back. Goodbye.",
	sayNoCallback:       "We cannot arrange a callback at the moment. Please hold the line.",
}

var chinese = map[sayable]string{
	sayComfort:      "请稍候,客服马上回来。",
	sayFull:         "现在线路全忙,请稍后再拨。再见。",
	sayClosed:       "感谢您的来电。现在是非工作时间,请在工作时间再拨。再见。",
	sayLeaveMessage: "感谢您的来电。现在是非工作时间,请在提示音后留言。",
	sayNoVoicemail:  "现在无法留言,请稍后再拨。再见。",
	sayConsent:      "本次通话将被录音。如不同意,请按一。",
	sayGoodbye:      "没有收到您的选择。再见。",

	sayLeaveMessageBusy: "感谢您的来电。目前无人接听,请在提示音后留言。",
	sayThanks:           "感谢您的留言。再见。",
	sayWithheld:         "您的号码未显示。",
	sayEnterNumber:      "请输入您的联系电话,按井号键结束。",
	sayAccepted:         "号码已接受。",
	sayCallback:         "谢谢。您的排队位置将被保留,我们会给您回电。再见。",
	sayNoCallback:       "现在无法安排回电,请继续等待。",
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

// waitSentence tells the estimated wait, rounded up to whole minutes: nobody likes to wait longer than they were told.
func waitSentence(language string, d time.Duration) string {
	n := int(math.Ceil(d.Minutes()))
	switch {
	case isChinese(language) && n <= 1:
		return "预计等待时间不到一分钟。"
	case isChinese(language):
		return fmt.Sprintf("预计等待时间约%d分钟。", n)
	case n <= 1:
		return "The estimated wait is less than a minute."
	default:
		return fmt.Sprintf("The estimated wait is about %d minutes.", n)
	}
}

func callbackOfferSentence(language string, key rune) string {
	if isChinese(language) {
		return fmt.Sprintf("如需保留位置并由我们回电,请按%c。", key)
	}
	return fmt.Sprintf("To keep your place and be called back, press %c.", key)
}

func callbackConfirmSentence(language, number string) string {
	if isChinese(language) {
		return digitsSentence(language, number) + "确认回电请按1,使用其他号码请按2。"
	}
	return "We will call you back. " + digitsSentence(language, number) + " Press 1 to confirm, or 2 for another number."
}

// takeSentence asks an agent at a telephone number to take a call.
func takeSentence(language, queue string) string {
	switch {
	case isChinese(language) && queue == "":
		return "有来电找您,接听请按1。"
	case isChinese(language):
		return fmt.Sprintf("%s队列来电,接听请按1。", queue)
	case queue == "":
		return "There is a call for you. To take it, press 1."
	default:
		return fmt.Sprintf("Call from %s. To take it, press 1.", queue)
	}
}
