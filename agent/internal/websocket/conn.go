package websocket

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// closeGrace is how long a peer may take to answer a Close frame, and a Close frame to leave.
	closeGrace = 2 * time.Second
	// pingPause is how long one ping waits for its answer before the next.
	pingPause = 100 * time.Millisecond
	// joinedBytes is up to where a frame is copied together; what is longer leaves in one writev.
	joinedBytes = 4 << 10
	// maxReason keeps the payload of a Close frame within that of a control frame.
	maxReason = maxControlBytes - 2
)

// Conn is an upgraded connection: one goroutine reads, any number write. Whoever made it calls Destroy.
type Conn struct {
	connection net.Conn
	reader     *bufio.Reader
	frame      frameHeader
	inMessage  bool
	heardAt    atomic.Int64
	// heard is closed once the peer's first frame has begun to arrive, or can no longer arrive.
	heard     chan struct{}
	hearFirst sync.Once

	writing   sync.Mutex
	buffer    []byte
	closeSent bool
	// pendingPong is the answer to the last ping while another frame is on its way.
	pendingPong atomic.Pointer[[]byte]
}

// HeardAt is when the last frame of the peer began to arrive.
func (c *Conn) HeardAt() time.Time { return time.Unix(0, c.heardAt.Load()) }

// AwaitPeer pings until the peer has said something, which it does once it has read the 101; at most for timeout,
// because a peer need not read before it is spoken to. A peer may lose a ping that it reads together with the 101.
func (c *Conn) AwaitPeer(timeout time.Duration) error {
	over := time.After(timeout)
	again := time.NewTicker(pingPause)
	defer again.Stop()
	for {
		if err := c.Ping(); err != nil {
			return err
		}
		select {
		case <-c.heard:
			return nil
		case <-over:
			return nil
		case <-again.C:
		}
	}
}

// Next waits for the next message and leaves the rest of the one before it out. Its payload comes through Read.
// A CloseError is either the peer's Close frame or says why the peer must be closed.
func (c *Conn) Next() (Opcode, error) {
	for c.inMessage {
		if _, err := io.Copy(io.Discard, c); err != nil {
			return 0, err
		}
	}
	if err := c.nextDataFrame(); err != nil {
		return 0, err
	}
	if c.frame.opcode == continuation {
		return 0, violation("a message begins with a continuation")
	}
	c.inMessage = true
	return c.frame.opcode, nil
}

// Read gives the payload of the current message, over its fragments; io.EOF is the end of the message.
func (c *Conn) Read(into []byte) (int, error) {
	if len(into) == 0 {
		return 0, nil
	}
	piece, err := c.NextPiece(len(into))
	return copy(into, piece), err
}

// NextPiece gives what is there of the payload as it lies in the reader's buffer, at most the given number of bytes,
// valid until the next call on the connection. io.EOF is the end of the message.
func (c *Conn) NextPiece(atMost int) ([]byte, error) {
	if err := c.reachPayload(); err != nil {
		return nil, err
	}
	if _, err := c.reader.Peek(1); err == io.EOF {
		return nil, io.ErrUnexpectedEOF
	} else if err != nil {
		return nil, err
	}
	length := min(uint64(c.reader.Buffered()), uint64(atMost), c.frame.length)
	// Both work on what is buffered, and so do not fail.
	piece, _ := c.reader.Peek(int(length))
	_, _ = c.reader.Discard(len(piece))
	c.frame.unmask(piece)
	return piece, nil
}

// reachPayload goes on to a frame of the current message that has bytes left.
func (c *Conn) reachPayload() error {
	for c.inMessage && c.frame.length == 0 {
		if c.frame.fin {
			c.inMessage = false
			break
		}
		if err := c.nextDataFrame(); err != nil {
			return err
		}
		if c.frame.opcode != continuation {
			return violation("a message begins within another")
		}
	}
	if !c.inMessage {
		return io.EOF
	}
	return nil
}

// unmask goes by words as far as it can: bytes alone would take half of the time of an upload.
func (h *frameHeader) unmask(payload []byte) {
	half := uint64(binary.NativeEndian.Uint32(h.mask[:]))
	words := len(payload) &^ 7
	for at := 0; at < words; at += 8 {
		word := payload[at : at+8]
		binary.NativeEndian.PutUint64(word, binary.NativeEndian.Uint64(word)^(half<<32|half))
	}
	for index := words; index < len(payload); index++ {
		payload[index] ^= h.mask[index&3]
	}
	turn := len(payload) & 3
	mask := h.mask
	for index := range h.mask {
		h.mask[index] = mask[(index+turn)&3]
	}
	h.length -= uint64(len(payload))
}

// nextDataFrame reads up to the payload of the next frame that is not a control frame.
func (c *Conn) nextDataFrame() error {
	for {
		header, err := readHeader(c.reader)
		c.hearFirst.Do(func() { close(c.heard) })
		if err != nil {
			return err
		}
		c.heardAt.Store(time.Now().UnixNano())
		c.frame = header
		if !header.opcode.isControl() {
			return nil
		}
		if err := c.control(); err != nil {
			return err
		}
	}
}

// control answers a control frame, which may stand between the fragments of a message.
func (c *Conn) control() error {
	opcode := c.frame.opcode
	payload := make([]byte, c.frame.length)
	if _, err := io.ReadFull(c.reader, payload); err != nil {
		return err
	}
	c.frame.unmask(payload)
	switch opcode {
	case closing:
		return parseClose(payload)
	case ping:
		c.pendingPong.Store(&payload)
		if c.writing.TryLock() {
			return c.unlock()
		}
	}
	return nil
}

// Write sends one message of the given parts, joined.
func (c *Conn) Write(opcode Opcode, parts ...[]byte) error {
	c.writing.Lock()
	err := c.writeLocked(opcode, parts...)
	if unlockErr := c.unlock(); err == nil {
		err = unlockErr
	}
	return err
}

// Ping asks the peer for a sign of life; HeardAt tells when one came.
func (c *Conn) Ping() error { return c.Write(ping) }

func (c *Conn) writeLocked(opcode Opcode, parts ...[]byte) error {
	if c.closeSent {
		return net.ErrClosed
	}
	length := 0
	for _, part := range parts {
		length += len(part)
	}
	c.buffer = appendHeader(c.buffer[:0], opcode, length)
	if length > joinedBytes {
		pieces := append(net.Buffers{c.buffer}, parts...)
		_, err := pieces.WriteTo(c.connection)
		return err
	}
	for _, part := range parts {
		c.buffer = append(c.buffer, part...)
	}
	_, err := c.connection.Write(c.buffer)
	return err
}

// unlock sends the pong that became due while the lock was held. A ping that arrives after the last look and
// finds the lock taken is seen by the look after the unlock.
func (c *Conn) unlock() error {
	for {
		var err error
		if due := c.pendingPong.Swap(nil); due != nil && !c.closeSent {
			err = c.writeLocked(pong, *due)
		}
		c.writing.Unlock()
		if err != nil || c.pendingPong.Load() == nil || !c.writing.TryLock() {
			return err
		}
	}
}

// Shutdown sends a Close frame, once, and gives the peer a moment to answer: reading ends with its Close frame
// or an error.
func (c *Conn) Shutdown(code int, reason string) error {
	_ = c.connection.SetWriteDeadline(time.Now().Add(closeGrace))
	c.writing.Lock()
	defer c.writing.Unlock()
	if c.closeSent {
		return nil
	}
	if code == noStatus {
		code = Normal
	}
	payload := binary.BigEndian.AppendUint16(nil, uint16(code))
	err := c.writeLocked(closing, payload, []byte(reason[:min(len(reason), maxReason)]))
	c.closeSent = true
	_ = c.connection.SetReadDeadline(time.Now().Add(closeGrace))
	return err
}

// Drain reads and drops until the peer closes or the time that Shutdown gave it is over. Without it, unread
// bytes would reset the connection and take the Close frame with them.
func (c *Conn) Drain() {
	var err error
	for err == nil {
		_, err = c.Next()
	}
	var closed *CloseError
	if errors.As(err, &closed) && !closed.FromPeer {
		_, _ = io.Copy(io.Discard, c.reader)
	}
}

// LimitWrites lets writes fail that are not done after timeout, also one that waits already.
func (c *Conn) LimitWrites(timeout time.Duration) {
	_ = c.connection.SetWriteDeadline(time.Now().Add(timeout))
}

// Destroy closes the connection at once.
func (c *Conn) Destroy() { _ = c.connection.Close() }
