package process

import (
	"os"

	"golang.org/x/sys/unix"
)

// pipes are the standard streams of one process: the agent's ends and the child's.
type pipes struct {
	stdin, stdout, stderr *os.File
	child                 [3]int
	// terminal tells that the child's ends are one terminal, which is to be the controlling one.
	terminal bool
}

// owner may open the pipes again by name, as programs do with /dev/stdout.
type owner struct{ uid, gid int }

const closedFile = -1

func openPipes(spec Spec, owner *owner) (*pipes, error) {
	p := &pipes{child: [3]int{closedFile, closedFile, closedFile}}
	err := p.openStdin(spec.StdinPipe, owner)
	if err == nil {
		p.stdout, err = p.openOutput(1, spec.DiscardStdout, owner)
	}
	if err == nil {
		p.stderr, err = p.openOutput(2, spec.DiscardStderr, owner)
	}
	if err != nil {
		p.closeAgentEnds()
		p.closeChildEnds()
		return nil, err
	}
	return p, nil
}

func (p *pipes) openStdin(piped bool, owner *owner) error {
	if !piped {
		return p.openNull(0, unix.O_RDONLY)
	}
	read, write, err := openPipe(owner)
	if err != nil {
		return err
	}
	p.child[0] = read
	p.stdin, err = agentEnd(write, "stdin")
	return err
}

func (p *pipes) openOutput(index int, discard bool, owner *owner) (*os.File, error) {
	if discard {
		return nil, p.openNull(index, unix.O_WRONLY)
	}
	read, write, err := openPipe(owner)
	if err != nil {
		return nil, err
	}
	p.child[index] = write
	return agentEnd(read, "output")
}

func (p *pipes) openNull(index, flags int) error {
	fd, err := unix.Open("/dev/null", flags|unix.O_CLOEXEC, 0)
	if err == nil {
		p.child[index] = fd
	}
	return err
}

// openPipe gives both ends to the process's user: the kernel checks that owner when /dev/stdout is opened.
func openPipe(owner *owner) (read, write int, err error) {
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
		return closedFile, closedFile, err
	}
	if owner != nil {
		_ = unix.Fchown(ends[0], owner.uid, owner.gid)
		_ = unix.Fchown(ends[1], owner.uid, owner.gid)
	}
	return ends[0], ends[1], nil
}

// agentEnd makes only the agent's end non-blocking: children expect blocking standard streams.
func agentEnd(fd int, name string) (*os.File, error) {
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

func (p *pipes) childFiles() []uintptr {
	return []uintptr{uintptr(p.child[0]), uintptr(p.child[1]), uintptr(p.child[2])}
}

func (p *pipes) closeChildEnds() {
	for _, fd := range p.child {
		if fd != closedFile {
			_ = unix.Close(fd)
		}
	}
}

func (p *pipes) closeAgentEnds() {
	for _, file := range []*os.File{p.stdin, p.stdout, p.stderr} {
		if file != nil {
			_ = file.Close()
		}
	}
}
