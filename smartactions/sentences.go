package smartactions

// sentence is what a message to the customer says before the link.
func sentence(language string, k Kind) string {
	if language == "zh" {
		return map[Kind]string{
			Verification: "请验证您的身份：",
			Photos:       "请发送照片：",
			Screenshot:   "请发送屏幕截图：",
			Video:        "请发送视频：",
			Text:         "请填写一项信息：",
		}[k]
	}
	return map[Kind]string{
		Verification: "please confirm that it is you:",
		Photos:       "please send photos:",
		Screenshot:   "please send a screenshot:",
		Video:        "please send a video:",
		Text:         "please write something down for us:",
	}[k]
}
