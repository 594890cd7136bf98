package websocket

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"atoll.dev/agent/internal/websocket/wstest"
)

// echo answers each message whole, and a fault with its Close frame.
func echo(w http.ResponseWriter, r *http.Request) {
	conn, err := Upgrade(w, r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusUpgradeRequired)
		return
	}
	defer conn.Destroy()
	for {
		opcode, err := conn.Next()
		var message []byte
		if err == nil {
			message, err = io.ReadAll(conn)
		}
		if err == nil {
			err = conn.Write(opcode, message)
		}
		var closed *CloseError
		if errors.As(err, &closed) {
			_ = conn.Shutdown(closed.Code, closed.Reason)
			conn.Drain()
		}
		if err != nil {
			return
		}
	}
}

func dial(t *testing.T) *wstest.Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(echo))
	t.Cleanup(server.Close)
	client, response := wstest.Dial(t, server.Listener.Addr().String(), "/", nil)
	if client == nil {
		t.Fatalf("got %d", response.StatusCode)
	}
	return client
}

func TestTheHandshakeTakesUpNoExtension(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(echo))
	t.Cleanup(server.Close)
	_, response := wstest.Dial(t, server.Listener.Addr().String(), "/", nil)
	if got := response.Header.Get("Sec-WebSocket-Accept"); got != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Errorf("accept is %q", got)
	}
	if got := response.Header.Get("Sec-WebSocket-Extensions"); got != "" {
		t.Errorf("took up %q", got)
	}
}

func TestARequestThatIsNoHandshakeIsRefused(t *testing.T) {
	for _, header := range []string{"Connection", "Upgrade", "Sec-WebSocket-Version", "Sec-WebSocket-Key"} {
		request := httptest.NewRequest("GET", "/", nil)
		for name, value := range map[string]string{
			"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
			"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
		} {
			request.Header.Set(name, value)
		}
		if Check(request) != nil {
			t.Fatal("a whole handshake is refused")
		}
		request.Header.Set(header, "else")
		if Check(request) == nil {
			t.Errorf("wrong %s is accepted", header)
		}
	}
}

func TestMessagesOfAllSizesComeBack(t *testing.T) {
	client := dial(t)
	for _, size := range []int{0, 1, 125, 126, 0xffff, 0x10000, 1 << 20} {
		sent := bytes.Repeat([]byte("abcde"), size/5+1)[:size]
		go client.Send(wstest.Binary, sent)
		opcode, got, err := client.Receive()
		if err != nil || opcode != wstest.Binary || !bytes.Equal(got, sent) {
			t.Fatalf("size %d: opcode %d, %d bytes, %v", size, opcode, len(got), err)
		}
	}
}

func TestFragmentsAreOneMessageWithPingsBetweenThem(t *testing.T) {
	client := dial(t)
	client.SendRaw(wstest.Frame(false, wstest.Binary, []byte("one ")))
	client.Send(wstest.Ping, []byte("are you there"))
	if opcode, payload, err := client.Receive(); err != nil || opcode != wstest.Pong || string(payload) != "are you there" {
		t.Fatalf("got %d %q %v", opcode, payload, err)
	}
	client.SendRaw(wstest.Frame(false, 0, nil))
	client.SendRaw(wstest.Frame(true, 0, []byte("two")))
	if opcode, payload, err := client.Receive(); err != nil || opcode != wstest.Binary || string(payload) != "one two" {
		t.Fatalf("got %d %q %v", opcode, payload, err)
	}
}

func TestAPongMayComeUnmasked(t *testing.T) {
	client := dial(t)
	client.SendRaw([]byte{0x8a, 3, 'y', 'e', 's'})
	client.Send(wstest.Binary, []byte("on"))
	if opcode, payload, err := client.Receive(); err != nil || opcode != wstest.Binary || string(payload) != "on" {
		t.Fatalf("got %d %q %v", opcode, payload, err)
	}
}

func TestACloseFrameIsAnsweredWithItsCode(t *testing.T) {
	client := dial(t)
	client.Send(wstest.Close, append(binary.BigEndian.AppendUint16(nil, 1000), "bye"...))
	if code, reason := client.ExpectClose(); code != 1000 || reason != "bye" {
		t.Fatalf("got %d %q", code, reason)
	}
}

func TestFaultsAreClosedWithProtocolError(t *testing.T) {
	unmasked := []byte{0x82, 1, 'x'}
	for name, frame := range map[string][]byte{
		"unmasked":                unmasked,
		"compressed":              append([]byte{0xc2}, wstest.Frame(true, wstest.Binary, []byte("x"))[1:]...),
		"unknown opcode":          wstest.Frame(true, 3, nil),
		"long ping":               wstest.Frame(true, wstest.Ping, make([]byte, 126)),
		"ping in parts":           wstest.Frame(false, wstest.Ping, nil),
		"continuation of nothing": wstest.Frame(true, 0, nil),
		"message in message": append(wstest.Frame(false, wstest.Binary, []byte("x")),
			wstest.Frame(true, wstest.Binary, []byte("y"))...),
		"length beyond 63 bits":  {0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0},
		"close code cut off":     wstest.Frame(true, wstest.Close, []byte{3}),
		"close code not allowed": wstest.Frame(true, wstest.Close, []byte{3, 0xee}),
	} {
		t.Run(name, func(t *testing.T) {
			client := dial(t)
			client.SendRaw(frame)
			if code, _ := client.ExpectClose(); code != ProtocolError {
				t.Fatalf("got %d", code)
			}
		})
	}
}

func TestAPeerThatDoesNotAnswerACloseFrameIsLeftSoon(t *testing.T) {
	ours, theirs := net.Pipe()
	conn := newConn(ours, bufio.NewReader(ours))
	go func() { _, _ = io.Copy(io.Discard, theirs) }()
	began := time.Now()
	if err := conn.Shutdown(Normal, strings.Repeat("long ", 100)); err != nil {
		t.Fatal(err)
	}
	conn.Drain()
	if took := time.Since(began); took > 3*closeGrace {
		t.Fatalf("took %v", took)
	}
}

// FuzzRead holds the reader to: no panic, no endless loop, no more payload than bytes that came.
func FuzzRead(f *testing.F) {
	f.Add(wstest.Frame(true, wstest.Binary, []byte("hello")))
	f.Add(append(wstest.Frame(false, wstest.Text, []byte("a")), wstest.Frame(true, 0, []byte("b"))...))
	f.Add(wstest.Frame(true, wstest.Close, []byte{3, 232, 'x'}))
	f.Add(wstest.Frame(true, wstest.Ping, nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		ours, theirs := net.Pipe()
		defer ours.Close()
		go func() { _, _ = io.Copy(io.Discard, theirs) }()
		conn := newConn(ours, bufio.NewReader(bytes.NewReader(data)))
		received := 0
		for {
			if _, err := conn.Next(); err != nil {
				break
			}
			message, err := io.ReadAll(conn)
			received += len(message)
			if err != nil {
				break
			}
		}
		if received > len(data) {
			t.Fatalf("%d bytes of payload from %d", received, len(data))
		}
	})
}
