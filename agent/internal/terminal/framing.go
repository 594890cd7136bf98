package terminal

import (
	"encoding/binary"

	"atoll.dev/agent/internal/process"
	"atoll.dev/agent/internal/websocket"
)

// Input is what a message of a client asks for.
type Input struct {
	// Typed goes to the process.
	Typed []byte
	// Size is the new one, if any.
	Size *process.Size
	// IsReady lets output come.
	IsReady bool
}

// Framing is how the messages of a client look. Each client has one of its own.
type Framing interface {
	// StartsReady tells that output comes without being asked for.
	StartsReady() bool
	// Decode reads a message; its error ends the client.
	Decode(opcode websocket.Opcode, message []byte) (Input, error)
	// Output is the message for pieces of output.
	Output(pieces [][]byte) (websocket.Opcode, [][]byte)
	// Exit is the message that says how the process ended; nil is none.
	Exit(code int) (websocket.Opcode, []byte)
}

// binaryFraming has the kind of a message as its first byte.
type binaryFraming struct{}

func (binaryFraming) StartsReady() bool { return false }

func (binaryFraming) Decode(opcode websocket.Opcode, message []byte) (Input, error) {
	switch {
	case opcode == websocket.Text:
		return Input{}, &websocket.CloseError{Code: websocket.UnsupportedData, Reason: "frames must be binary"}
	case len(message) == 0:
		return Input{}, policy("empty frame")
	case message[0] == frameData:
		return Input{Typed: message[1:]}, nil
	case message[0] == frameResize && len(message) == resizeBytes:
		cols, rows := binary.BigEndian.Uint16(message[1:]), binary.BigEndian.Uint16(message[3:])
		return Input{Size: &process.Size{Rows: rows, Cols: cols}}, nil
	case message[0] == frameReady:
		return Input{IsReady: true}, nil
	}
	return Input{}, policy("unknown frame")
}

func (binaryFraming) Output(pieces [][]byte) (websocket.Opcode, [][]byte) {
	return websocket.Binary, append([][]byte{{frameData}}, pieces...)
}

func (binaryFraming) Exit(code int) (websocket.Opcode, []byte) {
	return websocket.Binary, binary.BigEndian.AppendUint32([]byte{frameExit}, uint32(int32(code)))
}
