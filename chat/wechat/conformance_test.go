package wechat_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"tandem/chat"
	"tandem/chat/chattest"
	"tandem/chat/chattest/suite"
	"tandem/chat/wechat"
	"tandem/chat/wechat/wechattest"
)

// The vectors of channels.md 1.3: token wechat-token, the demo's EncodingAESKey and appid.
const (
	stamp       = "1700000000"
	nonce       = "nonce-1"
	inClear     = "dea9f5a3b3de9d22fa1a8c409a4a1f99ff4ee56d"
	encrypted   = "x12/5hCt8WSD9FOFHMV9L6+f6Dx3JESHVmeRrV9Y3b3UzhxFAZ2hfy3lp0AGGhwVCLAfvnLHcork2uqB18i1h+NYTfnBZg4z6JALq+MWUB+MCcNQrrsndvpwLPUzcDy6"
	overEncrypt = "d9e447b6633ddfc624c578a54f2d6785a2ec01c3"
	hookURL     = "https://cc.example.test/hooks/wechat/demo"
)

// fixtures are the bodies of channels.md 6.1 and 14, and one of each other type.
var fixtures = [][]byte{
	[]byte(`<xml><ToUserName><![CDATA[gh_acct]]></ToUserName><FromUserName><![CDATA[oUSER1]]></FromUserName><CreateTime>1700000000</CreateTime><MsgType><![CDATA[text]]></MsgType><Content><![CDATA[hi]]></Content><MsgId>23000000000000001</MsgId></xml>`),
	[]byte(`<xml><ToUserName>gh_acct</ToUserName><FromUserName>oUSER1</FromUserName><CreateTime>1700000001</CreateTime><MsgType>image</MsgType><PicUrl>http://mmbiz.example/1</PicUrl><MediaId>M1</MediaId><MsgId>23000000000000002</MsgId></xml>`),
	[]byte(`<xml><ToUserName>gh_acct</ToUserName><FromUserName>oUSER1</FromUserName><CreateTime>1700000002</CreateTime><MsgType>event</MsgType><Event>subscribe</Event><EventKey>qrscene_42</EventKey><Ticket>T1</Ticket></xml>`),
	[]byte(`<xml><ToUserName>gh_acct</ToUserName><FromUserName>oUSER1</FromUserName><CreateTime>1700000003</CreateTime><MsgType>event</MsgType><Event>MASSSENDJOBFINISH</Event><MsgID>1000001625</MsgID><Status>sendsuccess</Status><TotalCount>100</TotalCount><FilterCount>80</FilterCount><SentCount>75</SentCount><ErrorCount>5</ErrorCount></xml>`),
	[]byte(`<xml><ToUserName>gh_acct</ToUserName><FromUserName>oUSER1</FromUserName><CreateTime>1700000004</CreateTime><MsgType>voice</MsgType><MediaId>M2</MediaId><Format>amr</Format><Recognition>hello</Recognition><MsgId>23000000000000003</MsgId></xml>`),
	[]byte(`<xml><ToUserName>gh_acct</ToUserName><FromUserName>oUSER1</FromUserName><CreateTime>1700000005</CreateTime><MsgType>shortvideo</MsgType><MediaId>M3</MediaId><ThumbMediaId>M4</ThumbMediaId><MsgId>23000000000000004</MsgId></xml>`),
	[]byte(`<xml><ToUserName>gh_acct</ToUserName><FromUserName>oUSER1</FromUserName><CreateTime>1700000006</CreateTime><MsgType>location</MsgType><Location_X>52.5</Location_X><Location_Y>13.4</Location_Y><Scale>15</Scale><Label>Berlin</Label><MsgId>23000000000000005</MsgId></xml>`),
	[]byte(`<xml><ToUserName>gh_acct</ToUserName><FromUserName>oUSER1</FromUserName><CreateTime>1700000007</CreateTime><MsgType>link</MsgType><Title>T</Title><Description>D</Description><Url>https://example.test</Url><MsgId>23000000000000006</MsgId></xml>`),
	[]byte(`<xml><ToUserName>gh_acct</ToUserName><FromUserName>oUSER1</FromUserName><CreateTime>1700000008</CreateTime><MsgType>event</MsgType><Event>unsubscribe</Event></xml>`),
	[]byte(`<xml><ToUserName>gh_acct</ToUserName><FromUserName>oUSER1</FromUserName><CreateTime>1700000009</CreateTime><MsgType>event</MsgType><Event>SCAN</Event><EventKey>42</EventKey><Ticket>T1</Ticket></xml>`),
	[]byte(`<xml><ToUserName>gh_acct</ToUserName><FromUserName>oUSER1</FromUserName><CreateTime>1700000010</CreateTime><MsgType>event</MsgType><Event>CLICK</Event><EventKey>HELP</EventKey></xml>`),
	[]byte(`<xml><ToUserName>gh_acct</ToUserName><FromUserName>oUSER1</FromUserName><CreateTime>1700000011</CreateTime><MsgType>event</MsgType><Event>TEMPLATESENDJOBFINISH</Event><MsgID>77</MsgID><Status>failed:user block</Status></xml>`),
	[]byte(`<xml><ToUserName>gh_acct</ToUserName><FromUserName>oUSER1</FromUserName><CreateTime>1700000012</CreateTime><MsgType>file</MsgType><Title>a.pdf</Title><MsgId>23000000000000007</MsgId></xml>`),
}

func post(query url.Values, body string) chat.Hook {
	return chat.Hook{Method: http.MethodPost, URL: hookURL + "?" + query.Encode(), Query: query, Header: http.Header{"Content-Type": {"text/xml"}}, Body: []byte(body)}
}

func golden() []chat.Hook {
	return []chat.Hook{
		post(url.Values{"signature": {inClear}, "timestamp": {stamp}, "nonce": {nonce}, "openid": {"oUSER1"}}, string(fixtures[0])),
		post(url.Values{"signature": {inClear}, "timestamp": {stamp}, "nonce": {nonce}, "encrypt_type": {"aes"}, "msg_signature": {overEncrypt}},
			"<xml><ToUserName><![CDATA[gh_acct]]></ToUserName><Encrypt><![CDATA["+encrypted+"]]></Encrypt></xml>"),
	}
}

func TestConformance(t *testing.T) {
	for _, mode := range []wechattest.Mode{wechattest.Safe, wechattest.Compatible} {
		t.Run(string(mode), func(t *testing.T) {
			suite.Run(t, suite.Subject{
				Maker: wechat.Maker(),
				New: func(start time.Time) chattest.Platform {
					p := wechattest.New(start)
					p.SetMode(mode)
					return p
				},
				Golden:   golden(),
				Fixtures: fixtures,
				States:   []chattest.FileState{chattest.Gone},
			})
		})
	}
}
