// Package tunnel relays one WebSocket to one TCP connection within the sandbox.
package tunnel

import (
	"context"
	"errors"
	"io"
	"math"
	"net"
	"strconv"
	"time"

	"atoll.dev/agent/internal/websocket"
)

const (
	dialTimeout = 5 * time.Second
	// A quiet tunnel holds little: sandboxes have hundreds. One whose server says much gets a larger buffer.
	firstBufferBytes = 16 << 10
	lastBufferBytes  = 256 << 10
	// listenTimeout is how long what the server says first waits for a client that does not answer a ping.
	listenTimeout = 2 * time.Second
	// halfClosedSilence is how long a server that was sent the end of its input may be silent.
	halfClosedSilence = 30 * time.Second
)

// Dial connects to a port of the loopback, by IPv6 where nothing listens on IPv4.
func Dial(ctx context.Context, port uint16) (*net.TCPConn, error) {
	dialer := net.Dialer{Timeout: dialTimeout}
	var first error
	for _, host := range []string{"127.0.0.1", "::1"} {
		connection, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(int(port))))
		if err == nil {
			return connection.(*net.TCPConn), nil
		}
		if first == nil {
			first = err
		}
	}
	return nil, first
}

// Relay moves bytes both ways at the pace of the slower side until the server ends its output. A Close frame
// of the client is the end of its input only: what the server still has to say is sent before the answer.
// Clients begin to listen once they have read the 101 and lose what they read together with it (tensorlake wire
// 0.2.8): what the server says first waits for their pong.
func Relay(conn *websocket.Conn, server *net.TCPConn) {
	defer conn.Destroy()
	defer server.Close()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = conn.AwaitPeer(listenTimeout)
		closing := copyOut(conn, server)
		_ = conn.Shutdown(closing.Code, closing.Reason)
		_ = server.Close()
	}()
	err := copyIn(server, conn)
	var closed *websocket.CloseError
	switch {
	case !errors.As(err, &closed):
		_ = server.Close()
		conn.Destroy()
	case closed.FromPeer:
		finish(server, ended)
	default:
		_ = conn.Shutdown(closed.Code, closed.Reason)
		_ = server.Close()
		conn.Drain()
	}
	<-ended
}

// finish passes the end of input on and waits for the rest of the output.
func finish(server *net.TCPConn, ended <-chan struct{}) {
	_ = server.CloseWrite()
	_ = server.SetReadDeadline(time.Now().Add(halfClosedSilence))
	<-ended
}

// copyIn moves the client's bytes; it ends with the reason why there are no more.
func copyIn(server *net.TCPConn, conn *websocket.Conn) error {
	for {
		opcode, err := conn.Next()
		if err != nil {
			return err
		}
		if opcode == websocket.Text {
			return &websocket.CloseError{Code: websocket.UnsupportedData, Reason: "frames must be binary"}
		}
		if err := copyMessage(server, conn); err != nil {
			return err
		}
	}
}

// copyMessage drops what a server that has stopped reading is sent: it may still have something to say.
func copyMessage(server *net.TCPConn, conn *websocket.Conn) error {
	for {
		piece, err := conn.NextPiece(math.MaxInt)
		_, _ = server.Write(piece)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// copyOut moves the server's bytes and returns the Close frame that fits their end.
func copyOut(conn *websocket.Conn, server *net.TCPConn) *websocket.CloseError {
	buffer := make([]byte, firstBufferBytes)
	for {
		count, err := server.Read(buffer)
		if count > 0 && conn.Write(websocket.Binary, buffer[:count]) != nil {
			return &websocket.CloseError{Code: websocket.GoingAway}
		}
		if count == len(buffer) && count < lastBufferBytes {
			buffer = make([]byte, 4*count)
		}
		switch {
		case errors.Is(err, io.EOF):
			return &websocket.CloseError{Code: websocket.Normal}
		case err != nil:
			return &websocket.CloseError{Code: websocket.InternalError, Reason: "the connection in the sandbox failed"}
		}
	}
}
