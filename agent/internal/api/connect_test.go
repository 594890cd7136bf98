package api

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// connect asks for a raw connection and returns it with the answer.
func (a *agent) connect(query, upgrade string) (net.Conn, *bufio.Reader, *http.Response) {
	a.t.Helper()
	connection, err := net.Dial("tcp", a.address)
	if err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(func() { _ = connection.Close() })
	_ = connection.SetDeadline(time.Now().Add(10 * time.Second))
	_, _ = fmt.Fprintf(connection, "GET /internal/v1/connect?%s HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n"+
		"Upgrade: %s\r\n%s: %s\r\n\r\n", query, upgrade, tokenHeader, testToken)
	reader := bufio.NewReader(connection)
	response, err := http.ReadResponse(reader, nil)
	if err != nil {
		a.t.Fatal(err)
	}
	return connection, reader, response
}

func TestAConnectionBecomesPlainBytesAndPassesTheEndOn(t *testing.T) {
	a := startAgent(t)
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		port := listen(t, address, echoTCP)
		connection, reader, response := a.connect("port="+strconv.Itoa(port), "atoll-tcp")
		if response.StatusCode != http.StatusSwitchingProtocols {
			t.Fatalf("got %d", response.StatusCode)
		}
		sent := strings.Repeat("0123456789", 100_000)
		go func() {
			_, _ = io.WriteString(connection, sent)
			_ = connection.(*net.TCPConn).CloseWrite()
		}()
		got, err := io.ReadAll(reader)
		if err != nil || string(got) != sent {
			t.Fatalf("got %d bytes, %v", len(got), err)
		}
	}
}

func TestAPortThatOpensLaterIsWaitedFor(t *testing.T) {
	a := startAgent(t)
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	port := free.Addr().(*net.TCPAddr).Port
	_ = free.Close()
	go func() {
		time.Sleep(200 * time.Millisecond)
		listener, err := net.Listen("tcp", address)
		if err != nil {
			return
		}
		defer listener.Close()
		if connection, err := listener.Accept(); err == nil {
			_, _ = io.WriteString(connection, "late")
			_ = connection.Close()
		}
	}()
	_, reader, response := a.connect(fmt.Sprintf("port=%d&wait_ms=5000", port), "atoll-tcp")
	if response.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("got %d", response.StatusCode)
	}
	if got, _ := io.ReadAll(reader); string(got) != "late" {
		t.Fatalf("got %q", got)
	}
}

func TestConnectRefusesWhatItCannotReach(t *testing.T) {
	a := startAgent(t)
	_, own, _ := net.SplitHostPort(a.address)
	for _, one := range []struct {
		query, upgrade string
		status         int
	}{
		{"port=1", "atoll-tcp", http.StatusBadGateway},
		{"port=0", "atoll-tcp", http.StatusBadRequest},
		{"port=65536", "atoll-tcp", http.StatusBadRequest},
		{"port=" + own, "atoll-tcp", http.StatusBadRequest},
		{"port=1", "websocket", http.StatusUpgradeRequired},
	} {
		if _, _, response := a.connect(one.query, one.upgrade); response.StatusCode != one.status {
			t.Errorf("%s: got %d", one.query, response.StatusCode)
		}
	}
}
