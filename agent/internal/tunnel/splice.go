package tunnel

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"strconv"
	"sync"
	"syscall"
	"time"
)

const (
	spliceBytes = 64 << 10
	// A port that will open tells nobody: connecting is the only question that there is.
	firstRetry = 5 * time.Millisecond
	lastRetry  = 100 * time.Millisecond
)

// DialWithin connects to a port that may open only within the given time. Host is empty for the loopback.
func DialWithin(ctx context.Context, host string, port uint16, wait time.Duration) (*net.TCPConn, error) {
	deadline := time.Now().Add(wait)
	for pause := firstRetry; ; pause = min(lastRetry, 2*pause) {
		connection, err := dialHost(ctx, host, port)
		if err == nil || !errors.Is(err, syscall.ECONNREFUSED) || time.Now().Add(pause).After(deadline) {
			return connection, err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func dialHost(ctx context.Context, host string, port uint16) (*net.TCPConn, error) {
	if host == "" || host == "localhost" {
		return Dial(ctx, port)
	}
	dialer := net.Dialer{Timeout: dialTimeout}
	connection, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(int(port))))
	if err != nil {
		return nil, err
	}
	return connection.(*net.TCPConn), nil
}

// Splice moves bytes both ways at the pace of the slower side; the end of one direction is passed on, and the
// other goes on until it ends as well. What the caller sent ahead is in the reader.
func Splice(caller net.Conn, ahead *bufio.Reader, server net.Conn) {
	defer caller.Close()
	defer server.Close()
	var both sync.WaitGroup
	both.Add(2)
	go func() {
		defer both.Done()
		copyUntilEnd(server, ahead, caller, server)
	}()
	go func() {
		defer both.Done()
		copyUntilEnd(caller, server, caller, server)
	}()
	both.Wait()
}

// copyUntilEnd passes an orderly end on; anything else breaks both connections.
func copyUntilEnd(to net.Conn, from io.Reader, ends ...net.Conn) {
	buffer := make([]byte, spliceBytes)
	_, err := io.CopyBuffer(plainWriter{to}, plainReader{from}, buffer)
	if half, ok := to.(interface{ CloseWrite() error }); ok && err == nil {
		_ = half.CloseWrite()
		return
	}
	for _, end := range ends {
		_ = end.Close()
	}
}

// The wrappers hide ReadFrom and WriteTo: splice(2) does not work between every two sockets of a sandbox.
type plainWriter struct{ io.Writer }
type plainReader struct{ io.Reader }
