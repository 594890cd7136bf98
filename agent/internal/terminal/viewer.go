package terminal

import (
	"context"
	"errors"
	"io"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"atoll.dev/agent/internal/ring"
	"atoll.dev/agent/internal/websocket"
)

// First bytes of the frames in both directions.
const (
	frameData   = 0x00
	frameResize = 0x01
	frameReady  = 0x02
	frameExit   = 0x03
)

const (
	maxMessageBytes = 64 << 10
	resizeBytes     = 5
	pingInterval    = 30 * time.Second
	// inputBytesPerSecond is what a client may type.
	inputBytesPerSecond = 1 << 20
	// stallAlone is how long a client may take nothing while only it is kept waiting, stallShared while
	// others are.
	stallAlone  = time.Minute
	stallShared = 5 * time.Second
	endGrace    = 2 * time.Second
)

// viewer is one client attached to a session.
type viewer struct {
	session *Session
	conn    *websocket.Conn
	framing Framing
	context context.Context
	end     context.CancelCauseFunc

	ready     chan struct{}
	readyOnce sync.Once
	// seenBefore is how much had been printed when the client attached.
	seenBefore int64
	// writingSince is when the frame that is on its way was begun (Unix ns), 0 between frames.
	writingSince atomic.Int64
	// typing is set while the process, not the client, is what input waits for.
	typing      atomic.Bool
	windowStart time.Time
	windowBytes int
}

// Serve attaches a client until it leaves, breaks the rules, or the session ends.
func (s *Session) Serve(conn *websocket.Conn) { s.ServeFramed(conn, binaryFraming{}) }

// ServeFramed is as Serve, for a client whose messages look otherwise.
func (s *Session) ServeFramed(conn *websocket.Conn, framing Framing) {
	ctx, end := context.WithCancelCause(context.Background())
	v := &viewer{session: s, conn: conn, framing: framing, context: ctx, end: end, ready: make(chan struct{})}
	if framing.StartsReady() {
		v.readyOnce.Do(func() { close(v.ready) })
	}
	defer conn.Destroy()
	s.attach(v)
	defer s.detach(v)
	// A writer that waits for the client must not outlive the reason to write.
	stop := context.AfterFunc(ctx, func() { conn.LimitWrites(endGrace) })
	defer stop()
	var others sync.WaitGroup
	others.Go(v.write)
	others.Go(v.ping)
	v.end(v.read())
	others.Wait()
}

func (s *Session) attach(v *viewer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v.seenBefore = s.printed
	s.viewers[v] = struct{}{}
	if s.isTerminated {
		v.end(&websocket.CloseError{Code: websocket.GoingAway, Reason: "session terminated"})
	}
}

func (s *Session) detach(v *viewer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.viewers, v)
	s.ticks = 0
}

// checkPreReadyLocked ends a client that does not say READY while what it would be sent first goes by.
func (v *viewer) checkPreReadyLocked(printed int64) {
	select {
	case <-v.ready:
	default:
		if printed-v.seenBefore > replayBytes {
			v.end(policy("output before READY exceeds 1 MiB"))
		}
	}
}

// dropStalledLocked cuts clients that have taken nothing for too long. What they were sent cannot be taken
// back, so there is no Close frame.
func (s *Session) dropStalledLocked() {
	limit := stallAlone
	if len(s.viewers) > 1 {
		limit = stallShared
	}
	for v := range s.viewers {
		since := v.writingSince.Load()
		if since != 0 && time.Since(time.Unix(0, since)) > limit {
			v.conn.Destroy()
		}
	}
}

func policy(reason string) error {
	return &websocket.CloseError{Code: websocket.PolicyViolation, Reason: reason}
}

// read handles frames of the client until there are no more; the error says why.
func (v *viewer) read() error {
	for {
		err := v.readMessage()
		if err == nil {
			continue
		}
		var closed *websocket.CloseError
		if errors.As(err, &closed) && !closed.FromPeer {
			v.end(err)
			v.conn.Drain()
		}
		return err
	}
}

func (v *viewer) readMessage() error {
	opcode, err := v.conn.Next()
	if err != nil {
		return err
	}
	message, err := io.ReadAll(io.LimitReader(v.conn, maxMessageBytes+1))
	if err != nil {
		return err
	}
	if len(message) > maxMessageBytes {
		return &websocket.CloseError{Code: websocket.MessageTooBig, Reason: "messages are limited to 64 KiB"}
	}
	input, err := v.framing.Decode(opcode, message)
	if err != nil {
		return err
	}
	if input.IsReady {
		v.readyOnce.Do(func() { close(v.ready) })
	}
	if input.Size != nil {
		v.session.Resize(*input.Size)
	}
	return v.typeIn(input.Typed)
}

func (v *viewer) typeIn(data []byte) error {
	if !v.mayType(len(data)) {
		return policy("input exceeds 1 MB per second")
	}
	if len(data) == 0 {
		return nil
	}
	v.typing.Store(true)
	defer v.typing.Store(false)
	select {
	case v.session.input <- data:
	case <-v.session.terminal.Done():
	case <-v.context.Done():
	}
	return nil
}

func (v *viewer) mayType(count int) bool {
	now := time.Now()
	if now.Sub(v.windowStart) >= time.Second {
		v.windowStart, v.windowBytes = now, 0
	}
	v.windowBytes += count
	return v.windowBytes <= inputBytesPerSecond
}

// write sends output from READY on until the end of the session or of the client, and says which.
func (v *viewer) write() {
	select {
	case <-v.ready:
	case <-v.context.Done():
	}
	closing := v.copyOutput()
	_ = v.conn.Shutdown(closing.Code, closing.Reason)
	v.end(closing)
}

func (v *viewer) copyOutput() *websocket.CloseError {
	if v.context.Err() != nil {
		return v.farewell()
	}
	reader := v.session.takeOpening()
	defer reader.Close()
	for {
		if v.context.Err() != nil {
			return v.farewell()
		}
		batch, err := reader.Next(v.context)
		if errors.Is(err, io.EOF) {
			return v.sayExit()
		}
		if err == nil {
			err = v.send(batch)
		}
		if err != nil {
			return v.farewell()
		}
	}
}

// farewell is the Close frame for a client that ends before the session: an answer to its own, or the reason.
func (v *viewer) farewell() *websocket.CloseError {
	var closed *websocket.CloseError
	if errors.As(context.Cause(v.context), &closed) {
		return closed
	}
	return &websocket.CloseError{Code: websocket.InternalError}
}

func (v *viewer) send(batch []ring.Record) error {
	for len(batch) > 0 {
		parts, bytes := [][]byte(nil), 0
		for len(batch) > 0 && (bytes == 0 || bytes+len(batch[0].Text) <= chunkBytes) {
			parts, bytes = append(parts, batch[0].Text), bytes+len(batch[0].Text)
			batch = batch[1:]
		}
		opcode, framed := v.framing.Output(parts)
		if err := v.frame(opcode, framed...); err != nil {
			return err
		}
	}
	return nil
}

// frame sends one frame, and shows meanwhile that the client is waited for.
func (v *viewer) frame(opcode websocket.Opcode, parts ...[]byte) error {
	v.writingSince.Store(time.Now().UnixNano())
	defer v.writingSince.Store(0)
	return v.conn.Write(opcode, parts...)
}

func (v *viewer) sayExit() *websocket.CloseError {
	code := *v.session.Info().ExitCode
	if opcode, exit := v.framing.Exit(code); exit != nil {
		_ = v.frame(opcode, exit)
	}
	return &websocket.CloseError{Code: websocket.Normal, Reason: "exit:" + strconv.Itoa(code)}
}

// ping asks for signs of life; a client that gives none until the next time is cut. One whose input waits
// for the process is not heard and not to blame, but asking it finds out whether it is still connected.
func (v *viewer) ping() {
	ticker := time.NewTicker(pingInterval)
	defer ticker.Stop()
	var asked time.Time
	for {
		select {
		case <-v.context.Done():
			return
		case <-ticker.C:
		}
		excused := v.typing.Load() || v.writingSince.Load() != 0
		silent := !asked.IsZero() && v.conn.HeardAt().Before(asked)
		asked = time.Now()
		if (silent && !excused) || v.conn.Ping() != nil {
			v.conn.Destroy()
			return
		}
	}
}
