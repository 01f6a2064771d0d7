package telegram_test

import (
	"net/http"
	"testing"
	"time"

	"tandem/chat"
	"tandem/chat/chattest"
	"tandem/chat/chattest/suite"
	"tandem/chat/telegram"
	"tandem/chat/telegram/telegramtest"
)

func post(secret, body string) chat.Hook {
	h := chat.Hook{Method: http.MethodPost, URL: "https://cc.example.test/hooks/telegram/demo", Header: http.Header{}, Body: []byte(body)}
	if secret != "" {
		h.Header.Set("X-Telegram-Bot-Api-Secret-Token", secret)
	}
	return h
}

const private = `"chat":{"id":9,"type":"private","first_name":"Ann"},"from":{"id":9,"is_bot":false,"first_name":"Ann","last_name":"B","username":"ann","language_code":"en"}`

// fixtures are the updates of channels.md 8 and 14, and one of each other kind.
var fixtures = updates(
	`{"update_id":10001,"message":{"message_id":7,"date":1700000000,"chat":{"id":987654321,"type":"private"},"from":{"id":987654321,"is_bot":false,"first_name":"Ann","username":"ann","language_code":"en"},"text":"hi","reply_to_message":{"message_id":6},"quote":{"text":"part","position":0}}}`,
	`{"update_id":2,"edited_message":{"message_id":7,"date":1700000000,"edit_date":1700000050,"chat":{"id":9,"type":"private"},"text":"hi!"}}`,
	`{"update_id":3,"callback_query":{"id":"77","from":{"id":9,"is_bot":false,"first_name":"Ann"},"message":{"message_id":8,"date":1700000001,"chat":{"id":9,"type":"private"},"reply_markup":{"inline_keyboard":[[{"text":"Forty-two","callback_data":"k:42"}]]}},"chat_instance":"1","data":"k:42"}}`,
	`{"update_id":4,"my_chat_member":{"chat":{"id":9,"type":"private"},"from":{"id":9,"is_bot":false,"first_name":"Ann"},"date":1700000002,"old_chat_member":{"user":{"id":1,"is_bot":true,"first_name":"b"},"status":"member"},"new_chat_member":{"user":{"id":1,"is_bot":true,"first_name":"b"},"status":"kicked","until_date":0}}}`,
	`{"update_id":5,"message":{"message_id":9,"date":1700000003,"chat":{"id":9,"type":"private"},"media_group_id":"G1","photo":[{"file_id":"s","file_unique_id":"u1","width":90,"height":60,"file_size":900},{"file_id":"L","file_unique_id":"u2","width":1280,"height":853,"file_size":90000}],"caption":"two"}}`,
	`{"update_id":6,"message":{"message_id":10,"date":1700000004,"chat":{"id":9,"type":"private"},"text":"/start ad_7","entities":[{"type":"bot_command","offset":0,"length":6}]}}`,
	`{"update_id":7,"message":{"message_id":11,"date":1700000005,`+private+`,"voice":{"file_id":"v","file_unique_id":"u","duration":3,"mime_type":"audio/ogg","file_size":5}}}`,
	`{"update_id":8,"message":{"message_id":12,"date":1700000006,`+private+`,"animation":{"file_id":"a","file_unique_id":"u","duration":3,"mime_type":"video/mp4"},"document":{"file_id":"a","file_unique_id":"u"}}}`,
	`{"update_id":9,"message":{"message_id":13,"date":1700000007,`+private+`,"sticker":{"file_id":"st","file_unique_id":"u","emoji":"👍","is_animated":false,"is_video":true}}}`,
	`{"update_id":10,"message":{"message_id":14,"date":1700000008,`+private+`,"venue":{"location":{"latitude":1.5,"longitude":2.5},"title":"Shop","address":"Street 1"},"location":{"latitude":1.5,"longitude":2.5}}}`,
	`{"update_id":11,"message":{"message_id":15,"date":1700000009,`+private+`,"contact":{"phone_number":"4915112345678","first_name":"Ann","user_id":9}}}`,
	`{"update_id":12,"message":{"message_id":16,"date":1700000010,`+private+`,"poll":{"id":"1","question":"Which?","options":[]}}}`,
	`{"update_id":13,"message":{"message_id":17,"date":1700000011,`+private+`,"dice":{"emoji":"🎲","value":4}}}`,
	`{"update_id":14,"message":{"message_id":18,"date":1700000012,`+private+`,"pinned_message":{"message_id":1,"date":0}}}`,
	`{"update_id":15,"message":{"message_id":19,"date":1700000013,"chat":{"id":-5,"type":"group","title":"Family"},"from":{"id":9,"is_bot":false,"first_name":"Ann"},"migrate_to_chat_id":-1005}}`,
	`{"update_id":16,"message_reaction":{"chat":{"id":9,"type":"private"},"message_id":8,"user":{"id":9,"is_bot":false,"first_name":"Ann"},"date":1700000014,"old_reaction":[],"new_reaction":[{"type":"emoji","emoji":"👍"}]}}`,
	`{"update_id":17,"business_connection":{"id":"BC1","user":{"id":5,"is_bot":false,"first_name":"Boss"},"user_chat_id":5,"date":1700000015,"is_enabled":true}}`,
	`{"update_id":18,"business_message":{"business_connection_id":"BC1","message_id":20,"date":1700000016,`+private+`,"text":"to the shop"}}`,
	`{"update_id":19,"business_message":{"business_connection_id":"BC1","message_id":21,"date":1700000017,"chat":{"id":9,"type":"private","first_name":"Ann"},"from":{"id":5,"is_bot":false,"first_name":"Boss"},"text":"from the shop"}}`,
	`{"update_id":20,"edited_business_message":{"business_connection_id":"BC1","message_id":20,"date":1700000016,"edit_date":1700000020,`+private+`,"text":"to the shop!"}}`,
	`{"update_id":21,"deleted_business_messages":{"business_connection_id":"BC1","chat":{"id":9,"type":"private","first_name":"Ann"},"message_ids":[20,21]}}`,
	`{"update_id":22,"message":{"message_id":22,"date":1700000018,`+private+`,"text":"see here","entities":[{"type":"text_link","offset":4,"length":4,"url":"https://example.test/x"}],"forward_origin":{"type":"hidden_user","date":1}}}`,
	`{"update_id":23,"edited_message":{"message_id":14,"date":1700000008,"edit_date":1700000030,`+private+`,"location":{"latitude":1.6,"longitude":2.6}}}`,
	`{"update_id":24,"message":{"message_id":24,"date":1700000019,`+private+`,"hologram":{"id":"1"}}}`,
	`{"update_id":25,"something_new":{"from":{"id":9},"x":1}}`,
	`{"update_id":26,"channel_post":{"message_id":1,"date":1,"chat":{"id":-7,"type":"channel"},"text":"news"}}`,
	`{"update_id":27,"message":{"message_id":"odd","chat":{"id":9},"date":"odd"}}`,
)

func updates(all ...string) [][]byte {
	var out [][]byte
	for _, u := range all {
		out = append(out, []byte(u))
	}
	return out
}

func TestConformance(t *testing.T) {
	suite.Run(t, suite.Subject{
		Maker:       telegram.Maker(),
		New:         func(start time.Time) chattest.Platform { return telegramtest.New(start) },
		Golden:      []chat.Hook{post("telegram-secret", string(fixtures[0]))},
		Fixtures:    fixtures,
		PlainSecret: true,
		Timeless:    true, // of pressed buttons
		States:      []chattest.FileState{chattest.Gone, chattest.TooLarge},
	})
}
