// Package websocket is the server side of RFC 6455 for binary streams. It is written here because a tunnel
// must keep sending after the client's Close frame (that is its half-close), which libraries answer at once.
package websocket

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

const (
	acceptGUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
	keyBytes   = 16
	readBytes  = 64 << 10
	// handshakeTimeout bounds how long the 101 may take to leave.
	handshakeTimeout = 10 * time.Second
)

// ErrNoUpgrade is a request that is not a WebSocket handshake of version 13.
var ErrNoUpgrade = errors.New("this route is a WebSocket: Upgrade, Sec-WebSocket-Version: 13 and a key are needed")

// Check tells whether a request is a handshake, before anything is done for it.
func Check(r *http.Request) error {
	key, err := base64.StdEncoding.DecodeString(r.Header.Get("Sec-WebSocket-Key"))
	if err != nil || len(key) != keyBytes || r.Header.Get("Sec-WebSocket-Version") != "13" ||
		!hasToken(r.Header, "Connection", "upgrade") || !hasToken(r.Header, "Upgrade", "websocket") {
		return ErrNoUpgrade
	}
	return nil
}

func hasToken(header http.Header, name, token string) bool {
	for _, value := range header.Values(name) {
		for _, part := range strings.Split(value, ",") {
			if strings.EqualFold(strings.TrimSpace(part), token) {
				return true
			}
		}
	}
	return false
}

// Upgrade answers 101 and takes the connection over. Extensions that the client offers are not taken up, so
// nothing is compressed.
func Upgrade(w http.ResponseWriter, r *http.Request) (*Conn, error) {
	if err := Check(r); err != nil {
		return nil, err
	}
	connection, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, err
	}
	_ = connection.SetDeadline(time.Now().Add(handshakeTimeout))
	if _, err := connection.Write(switching(r.Header.Get("Sec-WebSocket-Key"))); err != nil {
		_ = connection.Close()
		return nil, err
	}
	_ = connection.SetDeadline(time.Time{})
	return newConn(connection, widen(buffered.Reader, connection)), nil
}

// widen gives a connection a buffer for whole frames; net/http's holds a sixteenth of one as clients send them.
func widen(narrow *bufio.Reader, connection net.Conn) *bufio.Reader {
	ahead, _ := narrow.Peek(narrow.Buffered())
	return bufio.NewReaderSize(io.MultiReader(bytes.NewReader(ahead), connection), readBytes)
}

func switching(key string) []byte {
	digest := sha1.Sum([]byte(key + acceptGUID))
	return []byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Accept: " + base64.StdEncoding.EncodeToString(digest[:]) + "\r\n\r\n")
}

func newConn(connection net.Conn, reader *bufio.Reader) *Conn {
	return &Conn{connection: connection, reader: reader, heard: make(chan struct{})}
}
