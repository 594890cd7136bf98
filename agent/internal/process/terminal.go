package process

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"atoll.dev/agent/internal/ring"
)

// ttyGroup owns terminals by convention, so that `write` and `wall` reach them.
const (
	ttyGroup = 5
	ttyMode  = 0o620
)

// Size of a terminal in characters.
type Size struct{ Rows, Cols uint16 }

// Terminal is a process with a terminal of its own as its three streams.
type Terminal struct {
	*Process
	// Master is the other side of the process's terminal: what is written is typed, what is read was printed.
	Master *os.File
}

// StartTerminal runs a process on a new terminal. It is not in the list of processes, but ends with them all.
func (t *Table) StartTerminal(spec Spec, size Size) (*Terminal, error) {
	handle := t.reserveHandle()
	marker := t.marker(handle)
	plan, err := t.plan(spec, marker)
	if err != nil {
		return nil, err
	}
	master, pipes, err := openTerminal(size, t.switchesTo(spec))
	if err != nil {
		return nil, &SpawnError{Subject: "terminal", Cause: err}
	}
	defer pipes.closeChildEnds()
	process := &Process{
		Handle: handle, Command: spec.Command, Args: spec.Args, Log: ring.NewLog(minLogBytes), unlisted: true,
		marker: marker, gate: t.options.Gate, status: StatusRunning,
		exited: make(chan struct{}), done: make(chan struct{}),
	}
	if err := t.spawn(process, plan, pipes, spec); err != nil {
		_ = master.Close()
		return nil, err
	}
	return &Terminal{Process: process, Master: master}, nil
}

// openTerminal makes a terminal and gives it to the process's user, who may open it again by name.
func openTerminal(size Size, owner *owner) (*os.File, *pipes, error) {
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	master := os.NewFile(uintptr(fd), "terminal")
	pipes, err := openReplica(fd, size, owner)
	if err != nil {
		_ = master.Close()
		return nil, nil, err
	}
	return master, pipes, nil
}

func openReplica(master int, size Size, owner *owner) (*pipes, error) {
	number, err := unix.IoctlGetInt(master, unix.TIOCGPTN)
	if err != nil {
		return nil, err
	}
	if err := unix.IoctlSetPointerInt(master, unix.TIOCSPTLCK, 0); err != nil {
		return nil, err
	}
	if err := setSize(master, size); err != nil {
		return nil, err
	}
	replica, err := unix.Open("/dev/pts/"+strconv.Itoa(number), unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	if owner != nil {
		_ = unix.Fchown(replica, owner.uid, ttyGroup)
		_ = unix.Fchmod(replica, ttyMode)
	}
	return replicaPipes(replica)
}

// replicaPipes makes one descriptor for each standard stream, so that each is closed once.
func replicaPipes(replica int) (*pipes, error) {
	p := &pipes{terminal: true, child: [3]int{replica, closedFile, closedFile}}
	for index := 1; index < len(p.child); index++ {
		copied, err := unix.FcntlInt(uintptr(replica), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			p.closeChildEnds()
			return nil, err
		}
		p.child[index] = copied
	}
	return p, nil
}

func setSize(fd int, size Size) error {
	return unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: size.Rows, Col: size.Cols})
}

// Resize changes the size and tells the programs on the terminal.
func (t *Terminal) Resize(size Size) error {
	return t.control(func(fd int) error { return setSize(fd, size) })
}

// Hangup asks for the end as a lost line does: the session's leader, and whoever is in the foreground.
func (t *Terminal) Hangup() {
	_ = t.control(func(fd int) error {
		foreground, err := unix.IoctlGetInt(fd, unix.TIOCGPGRP)
		if err == nil && foreground > 1 && t.Running() {
			_ = unix.Kill(-foreground, unix.SIGHUP)
		}
		return err
	})
	_ = t.Signal(unix.SIGHUP)
	_ = t.Signal(unix.SIGCONT)
}

func (t *Terminal) control(operation func(fd int) error) error {
	raw, err := t.Master.SyscallConn()
	if err != nil {
		return err
	}
	var operationErr error
	if err := raw.Control(func(fd uintptr) { operationErr = operation(int(fd)) }); err != nil {
		return err
	}
	return operationErr
}
