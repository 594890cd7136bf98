// Package launch starts programs for the server. A process that forks stands still while its memory is marked as shared, the
// longer the more it has; this one has little, and its runtime shares memory with the child instead.
package launch

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"sync"
	"syscall"
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
	l := &launcher{attached: map[*program]struct{}{}}
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
}

func (l *launcher) serve(listener net.Listener) {
	for {
		connection, err := listener.Accept()
		if err != nil {
			return
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
	if err != nil {
		return
	}
	p := &program{connection: connection, detached: request.Detached}
	if err := l.start(p, request); err != nil {
		p.send(frameEnd, end{Error: reasonOf(err)}.encode())
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
	if err := p.start(r); err != nil {
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
