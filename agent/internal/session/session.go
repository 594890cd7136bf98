package session

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"atoll.dev/agent/internal/process"
)

const (
	chunkBytes = 32 << 10
	// drainSilence and drainBytes bound what is read after the exit from a stream that others still hold open.
	drainSilence = 200 * time.Millisecond
	drainBytes   = 1 << 20
	maxSignal    = 64
	endOfInput   = 0x04
)

// Run is a process with the streams that its caller uses.
type Run struct {
	process *process.Process
	stdin   *os.File
	stdout  *os.File
	// stderr is nil where a terminal is both.
	stderr *os.File
	// terminal is nil for a process on pipes.
	terminal *process.Terminal
}

// OnPipes is a run without a terminal.
func OnPipes(piped *process.Piped) *Run {
	return &Run{process: piped.Process, stdin: piped.Stdin, stdout: piped.Stdout, stderr: piped.Stderr}
}

// OnTerminal is a run on a terminal.
func OnTerminal(terminal *process.Terminal) *Run {
	return &Run{
		process: terminal.Process, stdin: terminal.Master, stdout: terminal.Master, terminal: terminal,
	}
}

// Serve joins the run with its caller until the process has ended and its output is sent. A caller that goes away
// hangs up: the process and what is in the foreground are told so.
func (r *Run) Serve(conn net.Conn, reader *bufio.Reader) {
	out := &writer{conn: conn}
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		r.takeInput(reader)
		r.hangUp()
	}()
	var streams sync.WaitGroup
	for kind, stream := range map[byte]*os.File{frameStdout: r.stdout, frameStderr: r.stderr} {
		if stream == nil {
			continue
		}
		streams.Add(1)
		go func() {
			defer streams.Done()
			r.sendOutput(out, kind, stream)
		}()
	}
	<-r.process.Done()
	streams.Wait()
	_ = out.send(frameExit, exitOf(r.process.Snapshot()))
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	_ = conn.SetReadDeadline(time.Now().Add(drainSilence))
	<-gone
	_ = conn.Close()
	r.close()
}

// Kill ends a run that nobody takes.
func (r *Run) Kill() {
	r.process.KillTree()
	r.close()
}

func (r *Run) close() {
	for _, file := range []*os.File{r.stdin, r.stdout, r.stderr} {
		if file != nil {
			_ = file.Close()
		}
	}
}

func (r *Run) hangUp() {
	if r.terminal != nil {
		r.terminal.Hangup()
		return
	}
	_ = r.stdin.Close()
	_ = r.process.Signal(syscall.SIGHUP)
}

// takeInput passes on what the caller sends, at the pace of the process, until the connection ends.
func (r *Run) takeInput(reader *bufio.Reader) {
	buffer := make([]byte, maxFrameBytes)
	for {
		kind, payload, err := readFrame(reader, buffer)
		if err != nil {
			return
		}
		switch kind {
		case frameInput:
			_, _ = r.stdin.Write(payload)
		case frameEnd:
			r.endInput()
		case frameSignal:
			if len(payload) == 1 && payload[0] >= 1 && payload[0] <= maxSignal {
				_ = r.process.Signal(syscall.Signal(payload[0]))
			}
		case frameResize:
			r.resize(payload)
		}
	}
}

func (r *Run) endInput() {
	if r.terminal != nil {
		_, _ = r.stdin.Write([]byte{endOfInput})
		return
	}
	_ = r.stdin.Close()
}

func (r *Run) resize(payload []byte) {
	if r.terminal == nil || len(payload) != 4 {
		return
	}
	rows, cols := binary.BigEndian.Uint16(payload), binary.BigEndian.Uint16(payload[2:])
	_ = r.terminal.Resize(process.Size{Rows: max(1, rows), Cols: max(1, cols)})
}

// sendOutput moves a stream until its end. After the exit a background child that keeps it open does not hold it up.
func (r *Run) sendOutput(out *writer, kind byte, stream *os.File) {
	go func() {
		<-r.process.Done()
		_ = stream.SetReadDeadline(time.Now().Add(drainSilence))
	}()
	buffer := make([]byte, chunkBytes)
	for rest := drainBytes; rest > 0; {
		count, err := stream.Read(buffer)
		if count > 0 && out.send(kind, buffer[:count]) != nil {
			// Nobody reads any more: the process hears of it as of a closed pipe.
			_ = stream.Close()
			return
		}
		if !r.process.Running() {
			rest -= count
			_ = stream.SetReadDeadline(time.Now().Add(drainSilence))
		}
		if err != nil && (!errors.Is(err, os.ErrDeadlineExceeded) || !r.process.Running()) {
			return
		}
	}
}

// exitOf tells how a process ended: {"code":N} or {"signal":N}.
func exitOf(state process.Snapshot) []byte {
	payload, _ := json.Marshal(struct {
		Code   *int `json:"code,omitempty"`
		Signal *int `json:"signal,omitempty"`
	}{state.ExitCode, state.Signal})
	return payload
}
