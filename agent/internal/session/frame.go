// Package session runs one command for a remote caller over one connection: its streams, its terminal, its end.
package session

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
)

// Types of frames. A frame is its type, the length of what follows in four bytes, and that.
const (
	// From the caller.
	frameInput  byte = 0
	frameEnd    byte = 1
	frameSignal byte = 2
	frameResize byte = 3
	// To the caller.
	frameStdout byte = 1
	frameStderr byte = 2
	frameExit   byte = 3
)

const (
	headBytes = 5
	// maxFrameBytes bounds what is held of one frame.
	maxFrameBytes = 64 << 10
)

var errFrame = errors.New("a frame is longer than allowed")

// readFrame returns the next frame; its payload is valid until the next call.
func readFrame(reader *bufio.Reader, buffer []byte) (byte, []byte, error) {
	var head [headBytes]byte
	if _, err := io.ReadFull(reader, head[:]); err != nil {
		return 0, nil, err
	}
	size := binary.BigEndian.Uint32(head[1:])
	if size > maxFrameBytes || int(size) > len(buffer) {
		return 0, nil, errFrame
	}
	_, err := io.ReadFull(reader, buffer[:size])
	return head[0], buffer[:size], err
}

// writer sends whole frames from several streams.
type writer struct {
	mu   sync.Mutex
	conn net.Conn
}

func (w *writer) send(kind byte, payload []byte) error {
	frame := make([]byte, headBytes+len(payload))
	frame[0] = kind
	binary.BigEndian.PutUint32(frame[1:], uint32(len(payload)))
	copy(frame[headBytes:], payload)
	w.mu.Lock()
	defer w.mu.Unlock()
	_, err := w.conn.Write(frame)
	return err
}
