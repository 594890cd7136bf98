package api

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"atoll.dev/agent/internal/tunnel"
)

const (
	// claimWithin is how long an accepted connection waits for the caller to take it.
	claimWithin = 10 * time.Second
	// maxWaiting bounds the connections of all listeners that wait.
	maxWaiting = 256
)

// listenRoutes let the caller accept connections in the sandbox: one raw connection tells of them, line by line, and
// each is then claimed by a connection of its own.
type listenRoutes struct {
	mu      sync.Mutex
	waiting map[string]net.Conn
}

type acceptedLine struct {
	ID   string `json:"id"`
	From string `json:"from"`
	Port int    `json:"port"`
}

// listen opens a port of the sandbox for as long as the caller's connection stands.
func (l *listenRoutes) listen(w http.ResponseWriter, r *http.Request) error {
	port, err := strconv.ParseUint(r.URL.Query().Get("port"), 10, 16)
	if err != nil {
		return &failure{http.StatusBadRequest, "INVALID_PORT", "port must be a number from 0 to 65535"}
	}
	host := r.URL.Query().Get("host")
	if host == "localhost" || host == "" {
		host = "127.0.0.1"
	}
	if host == "*" {
		host = "0.0.0.0"
	}
	if !strings.EqualFold(r.Header.Get("Upgrade"), rawProtocol) {
		return &failure{http.StatusUpgradeRequired, "UPGRADE_REQUIRED", "this route needs Upgrade: " + rawProtocol}
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(host, strconv.FormatUint(port, 10)))
	if err != nil {
		return &failure{http.StatusConflict, "PORT_TAKEN", err.Error()}
	}
	defer listener.Close()
	caller, _, err := switchTo(w, rawProtocol)
	if err != nil {
		return err
	}
	defer caller.Close()
	go l.announce(caller, listener)
	_, _ = io.Copy(io.Discard, caller)
	return nil
}

func (l *listenRoutes) announce(caller net.Conn, listener net.Listener) {
	encoder := json.NewEncoder(caller)
	_ = encoder.Encode(map[string]int{"port": listener.Addr().(*net.TCPAddr).Port})
	for {
		connection, err := listener.Accept()
		if err != nil {
			_ = caller.Close()
			return
		}
		id, err := l.keep(connection)
		if err != nil {
			_ = connection.Close()
			continue
		}
		peer := connection.RemoteAddr().(*net.TCPAddr)
		if encoder.Encode(acceptedLine{ID: id, From: peer.IP.String(), Port: peer.Port}) != nil {
			_ = caller.Close()
			return
		}
	}
}

func (l *listenRoutes) keep(connection net.Conn) (string, error) {
	var bytes [12]byte
	_, _ = rand.Read(bytes[:])
	id := hex.EncodeToString(bytes[:])
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) >= maxWaiting {
		return "", errors.New("too many connections wait")
	}
	l.waiting[id] = connection
	time.AfterFunc(claimWithin, func() {
		if unclaimed := l.take(id); unclaimed != nil {
			_ = unclaimed.Close()
		}
	})
	return id, nil
}

func (l *listenRoutes) take(id string) net.Conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	connection := l.waiting[id]
	delete(l.waiting, id)
	return connection
}

// accept joins the caller with a connection that a listener has accepted.
func (l *listenRoutes) accept(w http.ResponseWriter, r *http.Request) error {
	connection := l.take(r.PathValue("connection"))
	if connection == nil {
		return &failure{http.StatusNotFound, "NOT_FOUND", "no such connection waits"}
	}
	defer connection.Close()
	caller, buffered, err := switchTo(w, rawProtocol)
	if err != nil {
		return err
	}
	tunnel.Splice(caller, buffered.Reader, connection.(*net.TCPConn))
	return nil
}
