// Package launch starts programs for the server. A process that forks stands still while its memory is marked as shared, the
// longer the more it has; this one has little, and its runtime shares memory with the child instead.
package launch

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// Command as the first argument makes the agent a launcher:
//
//	atoll-agent launch NAME
//
// On the socket of that name in the abstract namespace it answers the process that started it, and nobody else: a
// connection for each program. It prints a line once it does. It ends with its standard input, and with it the programs
// that are not detached.
const Command = "launch"

const exitFailed = 1

// acceptAgainAfter is how long a launcher without a file to spare waits for some of its programs to end.
const acceptAgainAfter = 20 * time.Millisecond

// Main answers until standard input ends.
func Main(name string, stdin io.Reader, stdout, stderr io.Writer) int {
	// Received and dropped, as what ends a server by a signal may have programs to run before it goes. Children would
	// inherit an ignored signal.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	listener, err := net.Listen("unix", "@"+name)
	if err != nil {
		fmt.Fprintln(stderr, "atoll-agent launch:", err)
		return exitFailed
	}
	l := newLauncher()
	go l.serve(listener)
	fmt.Fprintln(stdout, "ready")
	_, _ = io.Copy(io.Discard, stdin)
	l.end()
	return 0
}

type launcher struct {
	mu       sync.Mutex
	ended    bool
	attached map[*program]struct{}
	starts   chan func()
}

func newLauncher() *launcher {
	l := &launcher{attached: map[*program]struct{}{}, starts: make(chan func())}
	go l.fork()
	return l
}

// fork is the one that starts programs, on a thread that lives as long as this process: what the kernel is to kill with its
// parent (PR_SET_PDEATHSIG) ends with the thread that forked.
func (l *launcher) fork() {
	runtime.LockOSThread()
	for start := range l.starts {
		start()
	}
}

// serve goes on after a failure: out of files or of memory, which programs that end give back.
func (l *launcher) serve(listener net.Listener) {
	for {
		connection, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			time.Sleep(acceptAgainAfter)
			continue
		}
		go l.answer(connection.(*net.UnixConn)) // what a listener of this kind accepts
	}
}

func (l *launcher) answer(connection *net.UnixConn) {
	defer connection.Close()
	if !isParent(connection) {
		return
	}
	request, err := readRequest(connection)
	p := &program{connection: connection, detached: request.Detached}
	if err == nil {
		err = l.start(p, request)
	}
	if err != nil {
		p.refuse(err)
		return
	}
	p.attend()
	l.forget(p)
}

// start keeps in mind what is to end with the server. Nothing begins after that.
func (l *launcher) start(p *program, r request) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return os.ErrClosed
	}
	started := make(chan error)
	l.starts <- func() { started <- p.start(r) }
	if err := <-started; err != nil {
		return err
	}
	if !p.detached {
		l.attached[p] = struct{}{}
	}
	return nil
}

func (l *launcher) forget(p *program) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.attached, p)
}

func (l *launcher) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	for p := range l.attached {
		p.kill()
	}
}

// isParent tells whether the process at the other end is the one that started this one.
func isParent(connection *net.UnixConn) bool {
	raw, err := connection.SyscallConn()
	if err != nil {
		return false
	}
	var peer *syscall.Ucred
	var failure error
	err = raw.Control(func(fd uintptr) {
		peer, failure = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	})
	return err == nil && failure == nil && int(peer.Pid) == os.Getppid() && int(peer.Uid) == os.Geteuid()
}
