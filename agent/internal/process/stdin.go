package process

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"syscall"
	"time"
)

// stdin is the agent's end of a process's input pipe; nil for a process without one.
type stdin struct {
	pipe *os.File
	// writing admits one writer at a time, so that requests do not interleave.
	writing chan struct{}

	mu     sync.Mutex
	closed bool
}

func newStdin(pipe *os.File) *stdin {
	return &stdin{pipe: pipe, writing: make(chan struct{}, 1)}
}

func (s *stdin) writable() bool {
	if s == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.closed
}

func (s *stdin) close() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.closed = true
		_ = s.pipe.Close()
	}
}

// acquire waits for earlier writers, who may wait for a process that does not read.
func (s *stdin) acquire(ctx context.Context) error {
	select {
	case s.writing <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// WriteStdin copies input into the process at the pace at which it reads.
func (p *Process) WriteStdin(ctx context.Context, input io.Reader) error {
	if !p.stdin.writable() {
		return ErrStdinNotWritable
	}
	if err := p.stdin.acquire(ctx); err != nil {
		return err
	}
	defer func() { <-p.stdin.writing }()
	_ = p.stdin.pipe.SetWriteDeadline(time.Time{})
	stop := context.AfterFunc(ctx, func() { _ = p.stdin.pipe.SetWriteDeadline(time.Unix(1, 0)) })
	defer stop()
	// Hiding the pipe's ReadFrom keeps a large body from being spliced past the deadline.
	_, err := io.CopyBuffer(struct{ io.Writer }{p.stdin.pipe}, input, make([]byte, pumpBufferBytes))
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, os.ErrClosed) {
		return ErrStdinNotWritable
	}
	return err
}

// CloseStdin ends the input after the writes before it. Closing twice is no error.
func (p *Process) CloseStdin(ctx context.Context) error {
	if p.stdin == nil {
		return ErrStdinNotWritable
	}
	if err := p.stdin.acquire(ctx); err != nil {
		return err
	}
	defer func() { <-p.stdin.writing }()
	p.stdin.close()
	return nil
}
