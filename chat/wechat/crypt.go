package wechat

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha1" // the platform's signatures
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// padTo is what the plaintext is padded to by PKCS#7: twice the block of AES.
const padTo = 32

var (
	errSealed = errors.New("the encrypted part cannot be opened")
	errAppID  = errors.New("the encrypted part is another account's")
)

// readKey reads an EncodingAESKey: 43 characters of base64, whose IV is the key's first half.
func readKey(s string) (cipher.Block, []byte, error) {
	if len(s) != 43 {
		return nil, nil, fmt.Errorf("the key has %d characters", len(s))
	}
	key, err := base64.StdEncoding.DecodeString(s + "=")
	if err != nil {
		return nil, nil, errors.New("the key is not base64")
	}
	block, err := aes.NewCipher(key)
	return block, key[:aes.BlockSize], err
}

// signature is the hexadecimal SHA-1 of the sorted strings.
func signature(parts ...string) string {
	slices.Sort(parts)
	sum := sha1.Sum([]byte(strings.Join(parts, "")))
	return hex.EncodeToString(sum[:])
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// unseal opens an encrypted part: 16 random bytes, the length as four bytes, the content, the app id, padded to 32.
func (c *account) unseal(sealed string) ([]byte, error) {
	b, err := base64.StdEncoding.DecodeString(sealed)
	if err != nil || len(b) < padTo || len(b)%aes.BlockSize != 0 {
		return nil, errSealed
	}
	cipher.NewCBCDecrypter(c.key, c.iv).CryptBlocks(b, b)
	pad := int(b[len(b)-1])
	if pad < 1 || pad > padTo || pad > len(b) {
		return nil, errSealed
	}
	for _, p := range b[len(b)-pad:] {
		if int(p) != pad {
			return nil, errSealed
		}
	}
	b = b[:len(b)-pad]
	const head = 16 + 4
	if len(b) < head {
		return nil, errSealed
	}
	n := uint64(binary.BigEndian.Uint32(b[16:head]))
	b = b[head:]
	if n > uint64(len(b)) {
		return nil, errSealed
	}
	if !same(string(b[n:]), c.appid) {
		return nil, errAppID
	}
	return b[:n], nil
}
