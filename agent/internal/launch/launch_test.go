package launch

import (
	"bytes"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What the server's side of a connection sees is tested there (server/src/lib/launcher.test.ts).

func TestAProcessThatIsNotItsParentStartsNothing(t *testing.T) {
	name := "atoll-launch-test-" + filepath.Base(t.TempDir()) + t.Name()
	stdin, end := io.Pipe()
	ready, stdout := io.Pipe()
	exited := make(chan int)
	go func() { exited <- Main(name, stdin, stdout, io.Discard) }()
	if _, err := ready.Read(make([]byte, 64)); err != nil {
		t.Fatal(err)
	}
	marker := filepath.Join(t.TempDir(), "started")
	connection, err := net.Dial("unix", "@"+name)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	_ = connection.SetDeadline(time.Now().Add(10 * time.Second))
	_ = writeFrame(connection, frameStart, []byte(`{"argv":["touch","`+marker+`"]}`))
	if n, err := connection.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("it answered a stranger with %d bytes", n)
	}
	end.Close()
	if code := <-exited; code != 0 {
		t.Errorf("exit code %d", code)
	}
	if _, err := os.Stat(marker); err == nil {
		t.Error("it started the program of a stranger")
	}
}

// busyListener fails as one without a file to spare does.
type busyListener struct {
	net.Listener
	failures int
}

func (l *busyListener) Accept() (net.Conn, error) {
	if l.failures > 0 {
		l.failures--
		return nil, syscall.EMFILE
	}
	return l.Listener.Accept()
}

func TestALauncherThatWasOutOfFilesAnswersAgain(t *testing.T) {
	listener, err := net.Listen("unix", filepath.Join(t.TempDir(), "socket"))
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		newLauncher().serve(&busyListener{listener, 3})
		close(served)
	}()
	connection, err := net.Dial("unix", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	_ = connection.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := connection.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("it did not hang up on a stranger: %v", err)
	}
	listener.Close()
	<-served
}

func TestWhatIsNoRequestIsRefused(t *testing.T) {
	framed := func(kind byte, content string) string {
		var b bytes.Buffer
		_ = writeFrame(&b, kind, []byte(content))
		return b.String()
	}
	for name, sent := range map[string]string{
		"nothing":       "",
		"half a head":   "\x01\x00",
		"another frame": framed(frameInput, `{"argv":["true"]}`),
		"no JSON":       framed(frameStart, `true`+"x"),
		"no program":    framed(frameStart, `{"argv":[]}`),
		"a long frame":  "\x01\xff\xff\xff\xff",
	} {
		if r, err := readRequest(strings.NewReader(sent)); err == nil {
			t.Errorf("%s was taken for %+v", name, r)
		}
	}
}
