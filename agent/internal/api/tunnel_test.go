package api

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"atoll.dev/agent/internal/websocket/wstest"
)

// listen serves connections of a port in the "sandbox", which is this host.
func listen(t *testing.T, address string, serve func(*net.TCPConn)) int {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer connection.Close()
				serve(connection.(*net.TCPConn))
			}()
		}
	}()
	return listener.Addr().(*net.TCPAddr).Port
}

func (a *agent) tunnel(port int) *wstest.Client {
	a.t.Helper()
	client, response := wstest.Dial(a.t, a.address, fmt.Sprintf("/api/v1/tunnels/tcp?port=%d", port), agentToken)
	if client == nil {
		a.t.Fatalf("got %d", response.StatusCode)
	}
	return client
}

// receiveAll joins what comes until the Close frame.
func receiveAll(t *testing.T, client *wstest.Client) ([]byte, int) {
	t.Helper()
	var all []byte
	for {
		opcode, payload, err := client.Receive()
		if err != nil {
			t.Fatal(err)
		}
		if opcode == wstest.Close {
			return all, int(binary.BigEndian.Uint16(payload))
		}
		all = append(all, payload...)
	}
}

func echoTCP(connection *net.TCPConn) { _, _ = io.Copy(connection, connection) }

func TestATunnelCarriesBytesBothWays(t *testing.T) {
	a := startAgent(t)
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		client := a.tunnel(listen(t, address, echoTCP))
		sent := bytes.Repeat([]byte{0, 255, 'x', '\n'}, 50_000)
		go client.Send(wstest.Binary, sent)
		var got []byte
		for len(got) < len(sent) {
			_, payload, err := client.Receive()
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, payload...)
		}
		if !bytes.Equal(got, sent) {
			t.Errorf("%s: the bytes are not the same", address)
		}
	}
}

func TestTheEndOfTheServersOutputClosesTheTunnel(t *testing.T) {
	client := startAgent(t).tunnel(listen(t, "127.0.0.1:0", func(connection *net.TCPConn) {
		_, _ = connection.Write([]byte("bye"))
	}))
	if got, code := receiveAll(t, client); string(got) != "bye" || code != 1000 {
		t.Errorf("got %q %d", got, code)
	}
}

func TestWhatTheServerSaysFirstWaitsForTheClientsPong(t *testing.T) {
	client := startAgent(t).tunnel(listen(t, "127.0.0.1:0", func(connection *net.TCPConn) {
		_, _ = connection.Write([]byte("banner"))
	}))
	opcode, _, err := client.ReceiveAny()
	if err != nil || opcode != wstest.Ping {
		t.Fatalf("got %d %v before the ping", opcode, err)
	}
	pinged := time.Now()
	time.Sleep(50 * time.Millisecond)
	client.Send(wstest.Pong, nil)
	if opcode, payload, err := client.Receive(); err != nil || opcode != wstest.Binary || string(payload) != "banner" {
		t.Errorf("got %d %q %v after %s", opcode, payload, err, time.Since(pinged))
	}
}

func TestAClientThatAnswersNoPingIsSpokenToAtLast(t *testing.T) {
	client := startAgent(t).tunnel(listen(t, "127.0.0.1:0", func(connection *net.TCPConn) {
		_, _ = connection.Write([]byte("banner"))
	}))
	pings := 0
	for {
		opcode, _, err := client.ReceiveAny()
		if err != nil {
			t.Fatal(err)
		}
		if opcode == wstest.Binary {
			break
		}
		pings++
	}
	if pings < 2 {
		t.Errorf("got %d pings before", pings)
	}
}

func TestAfterItsCloseFrameTheClientGetsTheRest(t *testing.T) {
	client := startAgent(t).tunnel(listen(t, "127.0.0.1:0", func(connection *net.TCPConn) {
		request, _ := io.ReadAll(connection)
		time.Sleep(100 * time.Millisecond)
		_, _ = connection.Write([]byte(strings.ToUpper(string(request))))
	}))
	client.Send(wstest.Binary, []byte("half"))
	client.Send(wstest.Close, []byte{3, 232})
	if got, code := receiveAll(t, client); string(got) != "HALF" || code != 1000 {
		t.Errorf("got %q %d", got, code)
	}
}

func TestATunnelIsRefusedBeforeTheUpgrade(t *testing.T) {
	a := startAgent(t)
	listener, _ := net.Listen("tcp", "127.0.0.1:0")
	closed := listener.Addr().(*net.TCPAddr).Port
	_ = listener.Close()
	for port, status := range map[string]int{
		"0": 400, "65536": 400, "-1": 400, "": 400, "http": 400, fmt.Sprint(closed): 502,
	} {
		_, response := wstest.Dial(t, a.address, "/api/v1/tunnels/tcp?port="+port, agentToken)
		if response.StatusCode != status {
			t.Errorf("port %q: got %d", port, response.StatusCode)
		}
	}
	a.expectError("GET", "/api/v1/tunnels/tcp?port=1", "", 426, "UPGRADE_REQUIRED")
}

func TestATextFrameClosesATunnel(t *testing.T) {
	client := startAgent(t).tunnel(listen(t, "127.0.0.1:0", echoTCP))
	client.Send(wstest.Text, []byte("x"))
	if code, _ := client.ExpectClose(); code != 1003 {
		t.Errorf("got %d", code)
	}
}

func TestAClientThatVanishesEndsTheConnectionInTheSandbox(t *testing.T) {
	ended := make(chan struct{})
	client := startAgent(t).tunnel(listen(t, "127.0.0.1:0", func(connection *net.TCPConn) {
		echoTCP(connection)
		close(ended)
	}))
	_ = client.Conn.Close()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Fatal("it is still open")
	}
}

func TestASlowClientHoldsTheServerBack(t *testing.T) {
	var mu sync.Mutex
	written := 0
	client := startAgent(t).tunnel(listen(t, "127.0.0.1:0", func(connection *net.TCPConn) {
		for block := make([]byte, 64<<10); ; {
			count, err := connection.Write(block)
			mu.Lock()
			written += count
			mu.Unlock()
			if err != nil {
				return
			}
		}
	}))
	read := func() int { mu.Lock(); defer mu.Unlock(); return written }
	for deadline := time.Now().Add(15 * time.Second); ; {
		before := read()
		time.Sleep(300 * time.Millisecond)
		if read() == before && before > 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the server is not held")
		}
	}
	_ = client.Conn.Close()
}

func TestThreeHundredTunnelsAtOnce(t *testing.T) {
	a := startAgent(t)
	port := listen(t, "127.0.0.1:0", echoTCP)
	clients := make([]*wstest.Client, 300)
	for index := range clients {
		clients[index] = a.tunnel(port)
	}
	for index, client := range clients {
		client.Send(wstest.Binary, fmt.Append(nil, index))
	}
	for index, client := range clients {
		if _, payload, err := client.Receive(); err != nil || string(payload) != fmt.Sprint(index) {
			t.Fatalf("%d: got %q %v", index, payload, err)
		}
	}
}
