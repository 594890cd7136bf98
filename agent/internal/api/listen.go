package api

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
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

// listen opens a port, or a socket at a path, of the sandbox for as long as the caller's connection stands.
func (l *listenRoutes) listen(w http.ResponseWriter, r *http.Request) error {
	place, err := placeOf(r.URL.Query())
	if err != nil {
		return err
	}
	if !strings.EqualFold(r.Header.Get("Upgrade"), rawProtocol) {
		return &failure{http.StatusUpgradeRequired, "UPGRADE_REQUIRED", "this route needs Upgrade: " + rawProtocol}
	}
	listener, err := place.listen()
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
	// Before the caller's connection: who waits for its end finds nothing left.
	_ = listener.Close()
	return nil
}

// announce makes listen end where it cannot go on.
func (l *listenRoutes) announce(caller net.Conn, listener net.Listener) {
	encoder := json.NewEncoder(caller)
	_, port := addressOf(listener.Addr())
	_ = encoder.Encode(map[string]int{"port": port})
	for {
		connection, err := listener.Accept()
		if err != nil {
			_ = caller.SetReadDeadline(time.Now())
			return
		}
		id, err := l.keep(connection)
		if err != nil {
			_ = connection.Close()
			continue
		}
		from, port := addressOf(connection.RemoteAddr())
		if encoder.Encode(acceptedLine{ID: id, From: from, Port: port}) != nil {
			_ = caller.SetReadDeadline(time.Now())
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
	tunnel.Splice(caller, buffered.Reader, connection)
	return nil
}

// addressOf is empty for a socket at a path: who connects to one has no address.
func addressOf(address net.Addr) (host string, port int) {
	if tcp, isTCP := address.(*net.TCPAddr); isTCP {
		return tcp.IP.String(), tcp.Port
	}
	return "", 0
}
