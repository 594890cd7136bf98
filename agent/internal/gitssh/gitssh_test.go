package gitssh

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
	"golang.org/x/crypto/ssh/knownhosts"
)

func newSigner(t *testing.T) (ed25519.PrivateKey, ssh.Signer) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return private, signer
}

// listen serves each connection on its own until the test ends, and returns where.
func listen(t *testing.T, network, place string, serve func(net.Conn)) (address string) {
	t.Helper()
	listener, err := net.Listen(network, place)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go serve(connection)
		}
	}()
	return listener.Addr().String()
}

// lend serves an agent with a key, as a build does, and returns the key that it has.
func lend(t *testing.T) ssh.PublicKey {
	t.Helper()
	private, signer := newSigner(t)
	keyring := agent.NewKeyring()
	if err := keyring.Add(agent.AddedKey{PrivateKey: private}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "agent")
	listen(t, "unix", path, func(connection net.Conn) { _ = agent.ServeAgent(keyring, connection) })
	t.Setenv("SSH_AUTH_SOCK", path)
	return signer.PublicKey()
}

// host answers one key alone. What it runs says its command and its input, and ends with 3.
func host(t *testing.T, key ssh.Signer, allowed ssh.PublicKey) (address string) {
	t.Helper()
	config := &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		if !bytes.Equal(key.Marshal(), allowed.Marshal()) {
			return nil, os.ErrPermission
		}
		return nil, nil
	}}
	config.AddHostKey(key)
	return listen(t, "tcp", "127.0.0.1:0", func(connection net.Conn) { serve(connection, config) })
}

func serve(raw net.Conn, config *ssh.ServerConfig) {
	connection, channels, requests, err := ssh.NewServerConn(raw, config)
	if err != nil {
		_ = raw.Close()
		return
	}
	defer connection.Close()
	go ssh.DiscardRequests(requests)
	for offered := range channels {
		channel, asked, err := offered.Accept()
		if err != nil {
			return
		}
		go runCommand(channel, asked)
	}
}

func runCommand(channel ssh.Channel, asked <-chan *ssh.Request) {
	defer channel.Close()
	for request := range asked {
		_ = request.Reply(request.Type == "exec", nil)
		if request.Type != "exec" {
			continue
		}
		var exec struct{ Command string }
		_ = ssh.Unmarshal(request.Payload, &exec)
		input, _ := io.ReadAll(channel)
		_, _ = io.WriteString(channel, exec.Command+" "+string(input))
		_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{3}))
		return
	}
}

func know(t *testing.T, lines ...string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "known_hosts")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv(KnownHosts, path)
}

func call(address string) (code int, out, said string) {
	name, port, _ := net.SplitHostPort(address)
	var stdout, stderr bytes.Buffer
	args := []string{"-o", "SendEnv=GIT_PROTOCOL", "-p", port, "git@" + name, "git-upload-pack", "'/r'"}
	code = Main(args, strings.NewReader("input"), &stdout, &stderr)
	return code, stdout.String(), strings.TrimSpace(stderr.String())
}

func TestACommandRunsOnAKnownHostWithAKeyOfTheAgent(t *testing.T) {
	_, key := newSigner(t)
	address := host(t, key, lend(t))
	know(t, knownhosts.Line([]string{knownhosts.HashHostname(knownhosts.Normalize(address))}, key.PublicKey()))
	code, out, said := call(address)
	if code != 3 || out != "git-upload-pack '/r' input" || said != "" {
		t.Errorf("got %d, %q, %q", code, out, said)
	}
}

func TestAHostIsKnownByTheAuthorityThatVouchesForIt(t *testing.T) {
	_, authority := newSigner(t)
	_, key := newSigner(t)
	certificate := &ssh.Certificate{
		Key: key.PublicKey(), CertType: ssh.HostCert, ValidPrincipals: []string{"127.0.0.1"}, ValidBefore: ssh.CertTimeInfinity,
	}
	if err := certificate.SignCert(rand.Reader, authority); err != nil {
		t.Fatal(err)
	}
	vouched, err := ssh.NewCertSigner(certificate, key)
	if err != nil {
		t.Fatal(err)
	}
	address := host(t, vouched, lend(t))
	know(t, authorityMark+" "+knownhosts.Line([]string{knownhosts.Normalize(address)}, authority.PublicKey()))
	if code, _, said := call(address); code != 3 {
		t.Errorf("got %d, %q", code, said)
	}
}

func TestNobodyElseIsTalkedTo(t *testing.T) {
	_, key := newSigner(t)
	_, other := newSigner(t)
	mine := lend(t)
	address := host(t, key, mine)
	closed := host(t, key, other.PublicKey())
	line := func(address string, key ssh.Signer) string {
		return knownhosts.Line([]string{knownhosts.Normalize(address)}, key.PublicKey())
	}
	for _, c := range []struct{ address, line, want string }{
		{address, line("example.com:22", key), "the known hosts have no key of " + address},
		{address, line(address, other), "is not the known one"},
		{address, "@revoked " + line(address, key), "no key of"},
		{closed, line(closed, key), "takes none of the keys of the SSH agent for the user git"},
		{address, "nonsense", "the known hosts cannot be read"},
	} {
		know(t, c.line)
		code, out, said := call(c.address)
		if code != exitFailed || out != "" || !strings.HasPrefix(said, "fatal: ") || !strings.Contains(said, c.want) {
			t.Errorf("%s: got %d, %q, %q", c.want, code, out, said)
		}
	}
}
