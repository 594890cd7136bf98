// Package build hands a build that is asked for inside the sandbox to the server. A sandbox can open no connection to
// the server, so nothing here does: the builder speaks to the agent over a Unix socket, the agent announces it on the
// event stream, and the server fetches the request and brings the answer over connections of its own.
package build

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
)

// maxFrameBytes bounds what one frame may claim to hold.
const maxFrameBytes = 1 << 20

// frameWriter sends what is written as frames: four bytes of length, then as many bytes. An empty one is the end;
// the connection stays open after it, so that its own end says that the builder is gone.
type frameWriter struct{ conn net.Conn }

func (w *frameWriter) Write(data []byte) (int, error) {
	sent := 0
	for len(data) > 0 {
		part := data[:min(len(data), maxFrameBytes)]
		if err := w.frame(part); err != nil {
			return sent, err
		}
		sent += len(part)
		data = data[len(part):]
	}
	return sent, nil
}

func (w *frameWriter) frame(data []byte) error {
	var head [4]byte
	binary.BigEndian.PutUint32(head[:], uint32(len(data)))
	buffers := net.Buffers{head[:], data}
	_, err := buffers.WriteTo(w.conn)
	return err
}

func (w *frameWriter) end() error { return w.frame(nil) }

var errFrame = errors.New("a frame is too long")

// readFrame returns the next frame, in the buffer where it fits; nil is the end.
func readFrame(conn io.Reader, buffer []byte) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return nil, err
	}
	length := binary.BigEndian.Uint32(head[:])
	if length > maxFrameBytes {
		return nil, errFrame
	}
	if length == 0 {
		return nil, nil
	}
	if int(length) > cap(buffer) {
		buffer = make([]byte, length)
	}
	_, err := io.ReadFull(conn, buffer[:length])
	return buffer[:length], err
}
