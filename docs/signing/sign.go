// Prints the headers of a signed request: go run sign.go POST /v1/messages message.json
package main

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// Headers of one request. The target is the path with its query, exactly as it goes over the wire.
func Headers(key, secret, method, target string, body []byte, timestamp, requestID string) ([][2]string, error) {
	path, query, _ := strings.Cut(target, "?")
	rawKey, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(secret, "prs_"))
	if err != nil {
		return nil, err
	}
	bodyHash := sha256.Sum256(body)
	lines := []string{"POSTROAD-HMAC-SHA256-V1", key, timestamp, requestID, method, path, query, hex.EncodeToString(bodyHash[:])}
	mac := hmac.New(sha256.New, rawKey)
	mac.Write([]byte(strings.Join(lines, "\n")))
	return [][2]string{
		{"X-Postroad-Key", key},
		{"X-Postroad-Timestamp", timestamp},
		{"X-Postroad-Request-Id", requestID},
		{"X-Postroad-Signature", "v1=" + hex.EncodeToString(mac.Sum(nil))},
	}, nil
}

func or(value, other string) string {
	if value != "" {
		return value
	}
	return other
}

func main() {
	var body []byte
	if len(os.Args) > 3 {
		var err error
		if body, err = os.ReadFile(os.Args[3]); err != nil {
			panic(err)
		}
	}
	random := make([]byte, 16)
	if _, err := rand.Read(random); err != nil {
		panic(err)
	}
	timestamp := or(os.Getenv("POSTROAD_TIMESTAMP"), strconv.FormatInt(time.Now().Unix(), 10))
	requestID := or(os.Getenv("POSTROAD_REQUEST_ID"), hex.EncodeToString(random))
	headers, err := Headers(os.Getenv("POSTROAD_KEY"), os.Getenv("POSTROAD_SECRET"), os.Args[1], os.Args[2], body, timestamp, requestID)
	if err != nil {
		panic(err)
	}
	for _, header := range headers {
		fmt.Printf("%s: %s\n", header[0], header[1])
	}
}
