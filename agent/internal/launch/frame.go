package launch

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"syscall"
)

// Both directions of a connection are frames: a byte that says what it is, the length of the rest as four bytes, big
// endian, and the rest. Output and input of length zero are their ends.
const (
	// From the server: the request, as JSON; input; nothing.
	frameStart byte = 1
	frameInput byte = 2
	frameKill  byte = 3
	// To the server: output; errors; how the program ended, as JSON.
	frameOutput byte = 4
	frameErrors byte = 5
	frameEnd    byte = 6
	// frameTaken answers each frame of input, so that no more than one is on its way and what comes after it is seen.
	frameTaken byte = 7
)

const (
	headBytes     = 5
	maxFrameBytes = 4 << 20
)

var (
	errFrame = errors.New("launch: not a frame")
	errLong  = fmt.Errorf("launch: more than %d bytes", maxFrameBytes)
)

type request struct {
	Argv []string `json:"argv"`
	// Env is the whole environment; absent for this process's own.
	Env []string `json:"env,omitempty"`
	Dir string   `json:"dir,omitempty"`
	// Input says that frames of it follow.
	Input bool `json:"input,omitempty"`
	// Detached programs outlive the server, in a session of their own.
	Detached bool `json:"detached,omitempty"`
}

// end has one of three: the exit code, the number of the signal, or why the program was not started.
type end struct {
	Code   *int   `json:"code,omitempty"`
	Signal int    `json:"signal,omitempty"`
	Error  string `json:"error,omitempty"`
}

func (e end) encode() []byte {
	encoded, _ := json.Marshal(e) // nothing in it can fail
	return encoded
}

func readRequest(connection io.Reader) (request, error) {
	var r request
	kind, content, err := readFrame(connection)
	if err != nil {
		return r, err
	}
	if kind != frameStart {
		return r, errFrame
	}
	if err := json.Unmarshal(content, &r); err != nil {
		return r, err
	}
	if len(r.Argv) == 0 {
		return r, errFrame
	}
	return r, nil
}

func readFrame(connection io.Reader) (byte, []byte, error) {
	var head [headBytes]byte
	if _, err := io.ReadFull(connection, head[:]); err != nil {
		return 0, nil, err
	}
	length := binary.BigEndian.Uint32(head[1:])
	if length > maxFrameBytes {
		return 0, nil, errLong
	}
	content := make([]byte, length)
	_, err := io.ReadFull(connection, content)
	return head[0], content, err
}

func writeFrame(connection io.Writer, kind byte, content []byte) error {
	head := [headBytes]byte{kind}
	binary.BigEndian.PutUint32(head[1:], uint32(len(content)))
	_, err := (&net.Buffers{head[:], content}).WriteTo(connection)
	return err
}

// reasonOf names the error as Node does, by which callers know it.
func reasonOf(err error) string {
	switch {
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, syscall.ENOENT):
		return "ENOENT: " + err.Error()
	case errors.Is(err, syscall.EACCES):
		return "EACCES: " + err.Error()
	default:
		return err.Error()
	}
}
