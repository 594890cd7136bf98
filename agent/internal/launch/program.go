package launch

import (
	"io"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"
)

const relayBytes = 64 << 10

// program is one that runs, and the connection that tells of it.
type program struct {
	connection *net.UnixConn
	writing    sync.Mutex
	detached   bool
	command    *exec.Cmd
	input      *os.File
	output     *os.File
	errors     *os.File
}

// start gives the program pipes of the kernel: sockets, which Node would make, do not survive a checkpoint of what
// inherits them.
func (p *program) start(r request) error {
	var ours, theirs [3]*os.File
	closeAll := func(files [3]*os.File) {
		for _, file := range files {
			if file != nil {
				file.Close()
			}
		}
	}
	defer func() { closeAll(theirs) }()
	var err error
	if r.Input {
		theirs[0], ours[0], err = os.Pipe()
	}
	for i := 1; err == nil && i < len(ours); i++ {
		ours[i], theirs[i], err = os.Pipe()
	}
	if err == nil {
		err = p.run(r, theirs)
	}
	if err != nil {
		closeAll(ours)
		return err
	}
	p.input, p.output, p.errors = ours[0], ours[1], ours[2]
	return nil
}

func (p *program) run(r request, files [3]*os.File) error {
	p.command = exec.Command(r.Argv[0], r.Argv[1:]...)
	p.command.Env = r.Env
	p.command.Dir = r.Dir
	p.command.SysProcAttr = &syscall.SysProcAttr{Setsid: r.Detached}
	if !r.Detached {
		p.command.SysProcAttr.Pdeathsig = syscall.SIGKILL
	}
	if files[0] != nil {
		p.command.Stdin = files[0]
	}
	p.command.Stdout, p.command.Stderr = files[1], files[2]
	return p.command.Start()
}

// refuse tells why there is no program. The server hangs up, as always: the input that it has sent by then would break what
// is on the way to it.
func (p *program) refuse(err error) {
	_ = p.send(frameOutput, nil)
	_ = p.send(frameErrors, nil)
	_ = p.send(frameEnd, end{Error: reasonOf(err)}.encode())
	_, _ = io.Copy(io.Discard, p.connection)
}

// attend passes on what the program says and is told, and how it ended, until the server hangs up: it does so once it has
// heard all of it, or does not want to.
func (p *program) attend() {
	var told sync.WaitGroup
	told.Go(func() { p.relay(frameOutput, p.output) })
	told.Go(func() { p.relay(frameErrors, p.errors) })
	told.Go(func() {
		_ = p.command.Wait()
		_ = p.send(frameEnd, endOf(p.command.ProcessState).encode())
	})
	p.listen()
	p.hangUp()
	if !p.detached {
		told.Wait()
	}
}

// relay stops at what the server does not read, and the program with it.
func (p *program) relay(kind byte, from *os.File) {
	buffer := make([]byte, relayBytes)
	for {
		n, err := from.Read(buffer)
		if n > 0 && p.send(kind, buffer[:n]) != nil {
			return
		}
		if err != nil {
			_ = p.send(kind, nil)
			return
		}
	}
}

func (p *program) send(kind byte, content []byte) error {
	p.writing.Lock()
	defer p.writing.Unlock()
	return writeFrame(p.connection, kind, content)
}

func (p *program) listen() {
	input := make(chan []byte, 1)
	defer close(input)
	go p.feed(input)
	for {
		kind, content, err := readFrame(p.connection)
		if err != nil {
			return
		}
		switch kind {
		case frameKill:
			p.kill()
		case frameInput:
			select {
			case input <- content:
			default:
				return // sent before the last was taken
			}
		}
	}
}

// feed waits for the program to read. One that ends before it has, or closes its input, tells by its end what came of it.
func (p *program) feed(input <-chan []byte) {
	for content := range input {
		if p.input != nil && len(content) > 0 {
			_, _ = p.input.Write(content)
		}
		if p.input != nil && len(content) == 0 {
			p.input.Close()
		}
		_ = p.send(frameTaken, nil)
	}
}

// hangUp ends what nobody waits for; what is detached goes on, without anybody to read what it says.
func (p *program) hangUp() {
	if !p.detached {
		p.kill()
	}
	if p.input != nil {
		p.input.Close()
	}
	p.output.Close()
	p.errors.Close()
	p.connection.Close()
}

// kill does nothing to one that has ended.
func (p *program) kill() { _ = p.command.Process.Kill() }

func endOf(state *os.ProcessState) end {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return end{Signal: int(status.Signal())}
	}
	code := state.ExitCode()
	return end{Code: &code}
}
