package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"atoll.dev/agent/internal/boot"
)

// announceCommand with a path makes the agent pass one line from a named pipe there to its standard output.
const announceCommand = "announce"

// maxAnnouncement is more than the line of a ready agent takes.
const maxAnnouncement = 4096

// becomeInit turns this process, PID 1, into the init program of the image, with the agent among its units. The
// server waits at this process's standard output for the agent's ready line, and an init program closes what it
// inherits: so a child keeps the output and passes the line on. Returns only when it fails.
func becomeInit(config *boot.Config, identityDir string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if err := boot.WriteEtc(config); err != nil {
		log.Print(err)
	}
	readyPath, err := boot.WriteUnit(config.Root, self, identityDir)
	if err != nil {
		return fmt.Errorf("unit of the agent: %w", err)
	}
	if err := startAnnouncer(self, readyPath); err != nil {
		return fmt.Errorf("announcer: %w", err)
	}
	if err := silenceStdout(); err != nil {
		return err
	}
	// systemd looks for this variable to learn that it is not on a machine of its own.
	err = syscall.Exec(config.Init, []string{config.Init}, []string{"container=atoll", "PATH=" + os.Getenv("PATH")})
	return fmt.Errorf("init program %s: %w", config.Init, err)
}

func startAnnouncer(self, readyPath string) error {
	if err := os.MkdirAll(filepath.Dir(readyPath), 0o700); err != nil {
		return err
	}
	if err := unix.Mkfifo(readyPath, 0o600); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	child, err := os.StartProcess(self, []string{"atoll-agent", announceCommand, readyPath}, &os.ProcAttr{
		Files: []*os.File{nil, os.Stdout, os.Stderr},
	})
	if err != nil {
		return err
	}
	return child.Release()
}

// silenceStdout leaves the announcer alone with the pipe to the server, which then sees its end.
func silenceStdout() error {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	return errors.Join(
		unix.Dup3(int(null.Fd()), int(os.Stdin.Fd()), 0), unix.Dup3(int(null.Fd()), int(os.Stdout.Fd()), 0))
}

// announce ends the process once the line is passed on.
func announce(path string) {
	pipe, err := os.Open(path)
	if err != nil {
		fmt.Fprintln(os.Stderr, "atoll-agent:", err)
		os.Exit(1)
	}
	line, err := bufio.NewReader(io.LimitReader(pipe, maxAnnouncement)).ReadString('\n')
	if err != nil {
		fmt.Fprintln(os.Stderr, "atoll-agent: nothing was announced:", err)
		os.Exit(1)
	}
	fmt.Print(line)
	os.Exit(0)
}

// adoptOrphans keeps descendants of user processes within reach of an agent that is not PID 1.
func adoptOrphans(config *boot.Config) {
	if config.Init == "" {
		return
	}
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		log.Printf("orphans go to the init program: %v", err)
	}
}
