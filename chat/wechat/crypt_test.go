package wechat

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"errors"
	"testing"
)

const (
	testKey   = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"
	testAppID = "wx0000000000000001"
	// vector is channels.md 1.3's.
	vector = "x12/5hCt8WSD9FOFHMV9L6+f6Dx3JESHVmeRrV9Y3b3UzhxFAZ2hfy3lp0AGGhwVCLAfvnLHcork2uqB18i1h+NYTfnBZg4z6JALq+MWUB+MCcNQrrsndvpwLPUzcDy6"
)

func locked(t testing.TB) *account {
	t.Helper()
	key, iv, err := readKey(testKey)
	if err != nil {
		t.Fatal(err)
	}
	return &account{appid: testAppID, key: key, iv: iv}
}

// lock encrypts bytes as they are, so that tests can lie inside.
func (c *account) lock(plain []byte) string {
	out := make([]byte, len(plain))
	cipher.NewCBCEncrypter(c.key, c.iv).CryptBlocks(out, plain)
	return base64.StdEncoding.EncodeToString(out)
}

func TestUnseal(t *testing.T) {
	c := locked(t)
	if got, err := c.unseal(vector); err != nil || string(got) != "<xml><MsgId>1</MsgId></xml>" {
		t.Errorf("the vector: %q, %v", got, err)
	}
	random := "0123456789abcdef"
	plain := func(length string, content, appid string, pad ...byte) []byte {
		return append([]byte(random+length+content+appid), pad...)
	}
	full := func(b []byte) []byte { // PKCS#7 to 32
		n := 32 - len(b)%32
		return append(b, bytes.Repeat([]byte{byte(n)}, n)...)
	}
	for _, k := range []struct {
		name  string
		plain []byte
		want  error
	}{
		{"whole", full(plain("\x00\x00\x00\x06", "<xml/>", testAppID)), nil},
		{"empty", full(plain("\x00\x00\x00\x00", "", testAppID)), nil},
		{"a length past the end", full(plain("\x00\x00\x01\x00", "<xml/>", testAppID)), errSealed},
		{"the greatest length", full(plain("\xff\xff\xff\xff", "<xml/>", testAppID)), errSealed},
		{"a length that takes the app id", full(plain("\x00\x00\x00\x18", "<xml/>", testAppID)), errAppID},
		{"a length that is too short", full(plain("\x00\x00\x00\x05", "<xml/>", testAppID)), errAppID},
		{"another app id", full(plain("\x00\x00\x00\x06", "<xml/>", "wx0000000000000002")), errAppID},
		{"no app id", full(plain("\x00\x00\x00\x06", "<xml/>", "")), errAppID},
		{"padding of 0", append(plain("\x00\x00\x00\x06", "<xml/>", testAppID), make([]byte, 20)...), errSealed},
		{"padding of 33", append(bytes.Repeat([]byte{'x'}, 31), bytes.Repeat([]byte{33}, 33)...), errSealed},
		{"uneven padding", append(plain("\x00\x00\x00\x06", "<xml/>", testAppID), append(bytes.Repeat([]byte{19}, 19), 20)...), errSealed},
		{"nothing but padding", bytes.Repeat([]byte{32}, 32), errSealed},
		{"too short for a length", full([]byte(random + "\x00")), errSealed},
	} {
		_, err := c.unseal(c.lock(k.plain))
		if !errors.Is(err, k.want) {
			t.Errorf("%s: %v, want %v", k.name, err, k.want)
		}
	}
	for _, s := range []string{"", "AAAA", vector[:64], vector[1:], "x" + vector, vector + "AAAA"} {
		if got, err := c.unseal(s); err == nil {
			t.Errorf("%q opens as %q", s, got)
		}
	}
}

// FuzzUnseal: whatever is encrypted, opening it gives an error or what was put in with our app id behind it.
func FuzzUnseal(f *testing.F) {
	c := locked(f)
	f.Add([]byte("0123456789abcdef\x00\x00\x00\x06<xml/>" + testAppID + "0123456789abcdef"))
	f.Add(bytes.Repeat([]byte{32}, 32))
	f.Add([]byte(vector))
	f.Fuzz(func(t *testing.T, plain []byte) {
		_, _ = c.unseal(string(plain)) // it may not panic
		plain = plain[:len(plain)/aes.BlockSize*aes.BlockSize]
		got, err := c.unseal(c.lock(plain))
		if err == nil && !bytes.Contains(plain, append(bytes.Clone(got), testAppID...)) {
			t.Errorf("%q opens as %q", plain, got)
		}
	})
}
