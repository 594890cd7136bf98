// Package gitssh is the SSH client of the repositories that ADD names. It knows one way in, the keys of the agent that was
// lent to the build, and one way to tell who answers, the known hosts that came with it: nobody is there to be asked.
package gitssh

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// Command as the first argument makes the agent the SSH client of git, asked as git asks OpenSSH:
//
//	atoll-agent ssh [-p PORT] [-o OPTION] [USER@]HOST COMMAND
//
// SSH_AUTH_SOCK is the agent, ATOLL_KNOWN_HOSTS the file of hosts. The exit code is the one of the command, 255 where it
// was not run.
const Command = "ssh"

// KnownHosts names the file of hosts that may answer.
const KnownHosts = "ATOLL_KNOWN_HOSTS"

const (
	dialWithin = 30 * time.Second
	// silentFor is how long a host may say nothing. At the login that leaves time for somebody to touch or unlock a key;
	// after it git's host sends a sign of life every five seconds.
	silentFor  = 150 * time.Second
	exitFailed = 255
)

// Main runs a command on another machine.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	code, err := run(args, stdin, stdout, stderr)
	if err != nil {
		// As git says it, which shows the last error of what it runs.
		fmt.Fprintln(stderr, "fatal:", err)
		return exitFailed
	}
	return code
}

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) (int, error) {
	target, err := parse(args)
	if err != nil {
		return 0, err
	}
	client, err := connect(target)
	if err != nil {
		return 0, err
	}
	defer client.Close()
	session, err := client.NewSession()
	if err != nil {
		return 0, err
	}
	// Many hosts do not take it, and speak the older protocol then.
	_ = session.Setenv("GIT_PROTOCOL", os.Getenv("GIT_PROTOCOL"))
	session.Stdout, session.Stderr = stdout, stderr
	input, err := session.StdinPipe()
	if err != nil {
		return 0, err
	}
	if err := session.Start(target.command); err != nil {
		return 0, err
	}
	go func() {
		_, _ = io.Copy(input, stdin)
		_ = input.Close()
	}()
	var exit *ssh.ExitError
	switch err := session.Wait(); {
	case errors.As(err, &exit):
		return exit.ExitStatus(), nil
	default:
		return 0, err
	}
}

type target struct {
	user, host, port, command string
}

func (t target) address() string { return net.JoinHostPort(t.host, t.port) }

// parse reads the arguments that git gives to OpenSSH.
func parse(args []string) (target, error) {
	t := target{user: "root", port: "22"}
	for len(args) > 1 && strings.HasPrefix(args[0], "-") {
		if args[0] == "-p" {
			t.port = args[1]
		}
		args = args[2:]
	}
	if len(args) < 2 {
		return t, errors.New("usage: atoll-agent ssh [-p PORT] [USER@]HOST COMMAND")
	}
	t.host, t.command = args[0], strings.Join(args[1:], " ")
	if at := strings.LastIndex(t.host, "@"); at >= 0 {
		t.user, t.host = t.host[:at], t.host[at+1:]
	}
	t.host = strings.Trim(t.host, "[]")
	return t, nil
}

func connect(t target) (*ssh.Client, error) {
	hosts, err := readKnownHosts(os.Getenv(KnownHosts))
	if err != nil {
		return nil, err
	}
	algorithms, err := hosts.algorithmsOf(t.address())
	if err != nil {
		return nil, err
	}
	keys, err := net.Dial("unix", os.Getenv("SSH_AUTH_SOCK"))
	if err != nil {
		return nil, fmt.Errorf("the SSH agent does not answer: %w", err)
	}
	defer keys.Close()
	ctx, cancel := context.WithTimeout(context.Background(), dialWithin)
	defer cancel()
	var dialer net.Dialer
	raw, err := dialer.DialContext(ctx, "tcp", t.address())
	if err != nil {
		return nil, err
	}
	connection, channels, requests, err := login(bounded{raw}, t, &ssh.ClientConfig{
		User:              t.user,
		Auth:              []ssh.AuthMethod{ssh.PublicKeysCallback(agent.NewClient(keys).Signers)},
		HostKeyCallback:   hosts.require,
		HostKeyAlgorithms: algorithms,
	})
	if err != nil {
		_ = raw.Close()
		return nil, err
	}
	return ssh.NewClient(connection, channels, requests), nil
}

func login(conn bounded, t target, config *ssh.ClientConfig) (ssh.Conn, <-chan ssh.NewChannel, <-chan *ssh.Request, error) {
	connection, channels, requests, err := ssh.NewClientConn(conn, t.address(), config)
	return connection, channels, requests, plainly(err, t)
}

// plainly says why nobody was let in, without the methods that were tried.
func plainly(err error, t target) error {
	if err != nil && strings.Contains(err.Error(), "unable to authenticate") {
		return fmt.Errorf("%s takes none of the keys of the SSH agent for the user %s", t.host, t.user)
	}
	return err
}

// bounded gives up a host that has gone silent.
type bounded struct{ net.Conn }

func (b bounded) Read(p []byte) (int, error) {
	_ = b.SetReadDeadline(time.Now().Add(silentFor))
	return b.Conn.Read(p)
}
