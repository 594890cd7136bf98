// Package sandboxapi lets programs inside a sandbox reach the sandbox API of the agent, on a port of the loopback as
// images of the Blaxel dialect expect it. Nothing here can be reached from outside of the sandbox but by the gateway.
package sandboxapi

import (
	"context"
	"errors"
	"log"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// Address is an abstract Unix socket: it lives in the sandbox's network namespace and leaves no file.
	Address = "@atoll-sandbox-api"
	// Port is where images expect the API.
	Port = 8080

	readHeaderTimeout = 10 * time.Second
	idleTimeout       = 5 * time.Minute
	maxHeaderBytes    = 64 << 10
)

// Handler answers a request whose path, as it was sent, is raw.
type Handler interface {
	ServeRaw(w http.ResponseWriter, r *http.Request, raw string)
}

// NewServer serves the API without a token, for callers whom their connection proves to be inside.
func NewServer(api Handler) *http.Server {
	return &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			raw, _, _ := strings.Cut(r.RequestURI, "?")
			w.Header().Set(ownHeader, "1")
			api.ServeRaw(w, r, raw)
		}),
		ReadHeaderTimeout: readHeaderTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
		ErrorLog:    log.Default(),
		BaseContext: func(net.Listener) context.Context { return context.Background() },
	}
}

// Listen takes calls of the sandbox-api program. The API acts as the user owner, so only who could do that anyhow is
// answered: that user and root.
func Listen(address string, owner uint32) (net.Listener, error) {
	listener, err := net.Listen("unix", address)
	if err != nil {
		return nil, err
	}
	return &ownersOnly{listener, owner}, nil
}

type ownersOnly struct {
	net.Listener
	owner uint32
}

func (o *ownersOnly) Accept() (net.Conn, error) {
	for {
		conn, err := o.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if uid, err := peerOf(conn.(*net.UnixConn)); err == nil && (uid == 0 || uid == o.owner) {
			return conn, nil
		}
		_ = conn.Close()
	}
}

func peerOf(conn *net.UnixConn) (uint32, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	var peer *unix.Ucred
	var peerErr error
	err = raw.Control(func(descriptor uintptr) {
		peer, peerErr = unix.GetsockoptUcred(int(descriptor), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err = errors.Join(err, peerErr); err != nil {
		return 0, err
	}
	return peer.Uid, nil
}

// Loopback listens on a port of the loopback, by IPv4 and, where the sandbox has it, by IPv6.
func Loopback(port int) ([]net.Listener, error) {
	first, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return nil, err
	}
	listeners := []net.Listener{first}
	if second, err := net.Listen("tcp6", net.JoinHostPort("::1", strconv.Itoa(port))); err == nil {
		listeners = append(listeners, second)
	}
	return listeners, nil
}
