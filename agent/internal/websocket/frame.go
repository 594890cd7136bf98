package websocket

import (
	"encoding/binary"
	"fmt"
	"io"
)

// Opcode is the kind of a frame.
type Opcode byte

// The opcodes of RFC 6455, 5.2.
const (
	continuation Opcode = 0
	Text         Opcode = 1
	Binary       Opcode = 2
	closing      Opcode = 8
	ping         Opcode = 9
	pong         Opcode = 10
)

// Status codes of RFC 6455, 7.4.1.
const (
	Normal          = 1000
	GoingAway       = 1001
	ProtocolError   = 1002
	UnsupportedData = 1003
	noStatus        = 1005
	PolicyViolation = 1008
	MessageTooBig   = 1009
	InternalError   = 1011
)

const (
	maxControlBytes = 125
	maxHeaderBytes  = 10
	finBit          = 0x80
	reservedBits    = 0x70
	maskBit         = 0x80
)

// CloseError is a Close frame: one that the peer sent, or the one that says what the peer did wrong.
type CloseError struct {
	Code   int
	Reason string
	// FromPeer tells a Close frame that came from a fault found here.
	FromPeer bool
}

func (e *CloseError) Error() string { return fmt.Sprintf("websocket closed: %d %s", e.Code, e.Reason) }

func violation(reason string) error { return &CloseError{Code: ProtocolError, Reason: reason} }

type frameHeader struct {
	fin    bool
	opcode Opcode
	length uint64
	mask   [4]byte
}

func (o Opcode) isControl() bool { return o >= closing }

// readHeader reads and checks the header of a client's frame.
func readHeader(reader io.Reader) (frameHeader, error) {
	var start [2]byte
	if _, err := io.ReadFull(reader, start[:]); err != nil {
		return frameHeader{}, err
	}
	header := frameHeader{fin: start[0]&finBit != 0, opcode: Opcode(start[0] & 0x0f)}
	if start[0]&reservedBits != 0 {
		return header, violation("reserved bits are set")
	}
	masked := start[1]&maskBit != 0
	// The published clients answer pings with pongs that are not masked; they are no part of the byte stream.
	if !masked && header.opcode != pong {
		return header, violation("frames of clients must be masked")
	}
	if err := header.readLength(reader, start[1]&^maskBit); err != nil {
		return header, err
	}
	if err := header.check(); err != nil || !masked {
		return header, err
	}
	_, err := io.ReadFull(reader, header.mask[:])
	return header, err
}

func (h *frameHeader) readLength(reader io.Reader, short byte) error {
	var long [8]byte
	switch short {
	case 126:
		_, err := io.ReadFull(reader, long[6:])
		h.length = binary.BigEndian.Uint64(long[:])
		return err
	case 127:
		_, err := io.ReadFull(reader, long[:])
		h.length = binary.BigEndian.Uint64(long[:])
		if err == nil && h.length>>63 != 0 {
			return violation("frame length is out of range")
		}
		return err
	}
	h.length = uint64(short)
	return nil
}

func (h *frameHeader) check() error {
	switch h.opcode {
	case continuation, Text, Binary:
		return nil
	case closing, ping, pong:
		if !h.fin || h.length > maxControlBytes {
			return violation("control frames are short and whole")
		}
		return nil
	}
	return violation("unknown opcode")
}

// appendHeader writes the header of a whole, unmasked frame.
func appendHeader(into []byte, opcode Opcode, length int) []byte {
	into = append(into, finBit|byte(opcode))
	switch {
	case length <= maxControlBytes:
		return append(into, byte(length))
	case length <= 0xffff:
		return binary.BigEndian.AppendUint16(append(into, 126), uint16(length))
	}
	return binary.BigEndian.AppendUint64(append(into, 127), uint64(length))
}

// parseClose reads the payload of a Close frame. What is not valid there is answered as a violation.
func parseClose(payload []byte) *CloseError {
	if len(payload) == 0 {
		return &CloseError{Code: noStatus, FromPeer: true}
	}
	if len(payload) == 1 {
		return &CloseError{Code: ProtocolError, Reason: "close code is cut off"}
	}
	code := int(binary.BigEndian.Uint16(payload))
	if code < Normal || code == 1004 || code == noStatus || code == 1006 || code == 1015 || code >= 5000 {
		return &CloseError{Code: ProtocolError, Reason: "close code is not allowed"}
	}
	return &CloseError{Code: code, Reason: string(payload[2:]), FromPeer: true}
}
