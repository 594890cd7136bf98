// Package wstest is a WebSocket client for tests, which can also break the rules.
package wstest

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

const timeout = 20 * time.Second

// Opcodes that tests send and expect.
const (
	Text   = 1
	Binary = 2
	Close  = 8
	Ping   = 9
	Pong   = 10
)

// Client is the client's side of one connection.
type Client struct {
	t      *testing.T
	Conn   net.Conn
	reader *bufio.Reader
}

// Dial upgrades a connection to address, or returns the answer that refused it.
func Dial(t *testing.T, address, path string, headers map[string]string) (*Client, *http.Response) {
	t.Helper()
	connection, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	_ = connection.SetDeadline(time.Now().Add(timeout))
	request := "GET " + path + " HTTP/1.1\r\nHost: test\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
		"Sec-WebSocket-Extensions: permessage-deflate\r\n"
	for name, value := range headers {
		request += name + ": " + value + "\r\n"
	}
	if _, err := io.WriteString(connection, request+"\r\n"); err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(connection)
	response, err := http.ReadResponse(reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusSwitchingProtocols {
		return nil, response
	}
	return &Client{t: t, Conn: connection, reader: reader}, response
}

// Frame builds a masked frame.
func Frame(fin bool, opcode byte, payload []byte) []byte {
	frame := []byte{opcode}
	if fin {
		frame[0] |= 0x80
	}
	switch length := len(payload); {
	case length <= 125:
		frame = append(frame, 0x80|byte(length))
	case length <= 0xffff:
		frame = binary.BigEndian.AppendUint16(append(frame, 0x80|126), uint16(length))
	default:
		frame = binary.BigEndian.AppendUint64(append(frame, 0x80|127), uint64(length))
	}
	mask := [4]byte{1, 2, 3, 4}
	frame = append(frame, mask[:]...)
	for index, value := range payload {
		frame = append(frame, value^mask[index&3])
	}
	return frame
}

// Send sends one whole frame.
func (c *Client) Send(opcode byte, payload []byte) {
	c.t.Helper()
	c.SendRaw(Frame(true, opcode, payload))
}

// SendRaw sends bytes as they are.
func (c *Client) SendRaw(frame []byte) {
	c.t.Helper()
	if _, err := c.Conn.Write(frame); err != nil {
		c.t.Fatal(err)
	}
}

// Receive reads the next frame that is not a ping, and answers those.
func (c *Client) Receive() (opcode byte, payload []byte, err error) {
	for {
		opcode, payload, err = c.ReceiveAny()
		if err != nil || opcode != Ping {
			return opcode, payload, err
		}
		c.Send(Pong, payload)
	}
}

// ReceiveAny reads the next frame.
func (c *Client) ReceiveAny() (opcode byte, payload []byte, err error) {
	var start [2]byte
	if _, err := io.ReadFull(c.reader, start[:]); err != nil {
		return 0, nil, err
	}
	length := uint64(start[1])
	var long [8]byte
	switch {
	case start[1] == 126:
		_, err = io.ReadFull(c.reader, long[6:])
		length = binary.BigEndian.Uint64(long[:])
	case start[1] == 127:
		_, err = io.ReadFull(c.reader, long[:])
		length = binary.BigEndian.Uint64(long[:])
	case start[1] > 125:
		return 0, nil, fmt.Errorf("a server must not mask")
	}
	if err != nil {
		return 0, nil, err
	}
	payload = make([]byte, length)
	_, err = io.ReadFull(c.reader, payload)
	return start[0] & 0x0f, payload, err
}

// ExpectClose reads on to a Close frame and returns its code and reason.
func (c *Client) ExpectClose() (code int, reason string) {
	c.t.Helper()
	for {
		opcode, payload, err := c.Receive()
		if err != nil {
			c.t.Fatalf("no Close frame: %v", err)
		}
		if opcode == Close {
			return int(binary.BigEndian.Uint16(payload)), string(payload[2:])
		}
	}
}
