package api

import (
	"bufio"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"atoll.dev/agent/internal/tunnel"
)

const (
	// rawProtocol is what a connection becomes once it is joined with one in the sandbox: plain bytes.
	rawProtocol = "atoll-tcp"
	maxWait     = 30 * time.Second
	// switchTimeout bounds how long the 101 may take to leave.
	switchTimeout = 10 * time.Second
)

// connect joins the caller with a TCP server as processes of the sandbox reach it: without a host on the loopback.
// It connects before it answers 101, so that a refused connection can still be told.
func connect(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	port, err := strconv.ParseUint(query.Get("port"), 10, 16)
	if err != nil || port == 0 || isOwnPort(r, uint16(port)) {
		return &failure{http.StatusBadRequest, "INVALID_PORT", "port must be a number from 1 to 65535, and not the agent's"}
	}
	if !strings.EqualFold(r.Header.Get("Upgrade"), rawProtocol) {
		return &failure{http.StatusUpgradeRequired, "UPGRADE_REQUIRED", "this route needs Upgrade: " + rawProtocol}
	}
	server, err := tunnel.DialWithin(r.Context(), query.Get("host"), uint16(port), waitOf(query.Get("wait_ms")))
	if err != nil {
		return &failure{http.StatusBadGateway, "CONNECTION_REFUSED", err.Error()}
	}
	defer server.Close()
	caller, buffered, err := switchTo(w, rawProtocol)
	if err != nil {
		return err
	}
	tunnel.Splice(caller, buffered.Reader, server)
	return nil
}

// switchTo answers 101 and takes the connection over.
func switchTo(w http.ResponseWriter, protocol string) (net.Conn, *bufio.ReadWriter, error) {
	caller, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, nil, err
	}
	_ = caller.SetDeadline(time.Now().Add(switchTimeout))
	head := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: " + protocol + "\r\nConnection: Upgrade\r\n\r\n"
	if _, err := caller.Write([]byte(head)); err != nil {
		_ = caller.Close()
		panic(http.ErrAbortHandler)
	}
	_ = caller.SetDeadline(time.Time{})
	return caller, buffered, nil
}

// isOwnPort keeps the agent itself out of reach: what comes from the loopback must not pass for the gateway.
func isOwnPort(r *http.Request, port uint16) bool {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	return ok && local.Port == int(port)
}

func waitOf(text string) time.Duration {
	waitMs, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return 0
	}
	return min(maxWait, time.Duration(waitMs)*time.Millisecond)
}
