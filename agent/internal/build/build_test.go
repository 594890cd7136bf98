package build

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"atoll.dev/agent/internal/event"
)

// stand is a builder's surroundings: a specification with a context, and the agent's end of the socket.
type stand struct {
	t        *testing.T
	dir      string
	address  string
	sessions *Sessions
	events   <-chan event.Event
}

func newStand(t *testing.T) *stand {
	t.Helper()
	dir := t.TempDir()
	hub := event.NewHub()
	events, drop := hub.Subscribe()
	t.Cleanup(drop)
	s := &stand{t: t, dir: dir, address: filepath.Join(dir, "socket"), events: events}
	var err error
	if s.sessions, err = Listen(s.address, hub); err != nil {
		t.Fatal(err)
	}
	s.write("spec.json", `{ "buildId": "b1", "contextDir": "`+filepath.Join(dir, "context")+`" }`)
	s.write("context/app/main.py", "print(1)\n")
	if err := os.Symlink("main.py", filepath.Join(dir, "context/app/link")); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *stand) write(name, content string) {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

type outcome struct {
	log string
	err error
}

func (s *stand) build() <-chan outcome {
	ended := make(chan outcome, 1)
	go func() {
		var log bytes.Buffer
		err := run(s.address, filepath.Join(s.dir, "spec.json"), filepath.Join(s.dir, "metadata.json"), &log)
		ended <- outcome{log.String(), err}
	}()
	return ended
}

func (s *stand) session() (int64, *Session) {
	s.t.Helper()
	select {
	case said := <-s.events:
		return said.Handle, s.sessions.Find(said.Handle)
	case <-time.After(10 * time.Second):
		s.t.Fatal("no builder was announced")
		return 0, nil
	}
}

func fetchAll(t *testing.T, session *Session) (string, []byte) {
	t.Helper()
	var request bytes.Buffer
	if err := session.Fetch(&request, func() error { return nil }); err != nil {
		t.Fatal(err)
	}
	line, err := request.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return line, request.Bytes()
}

func TestTheServerGetsSpecificationAndContext(t *testing.T) {
	s := newStand(t)
	ended := s.build()
	id, session := s.session()
	line, context := fetchAll(t, session)
	if !strings.HasPrefix(line, `{"buildId":"b1",`) {
		t.Errorf("specification: %s", line)
	}
	members := map[string]string{}
	for reader := tar.NewReader(bytes.NewReader(context)); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		content, _ := io.ReadAll(reader)
		members[header.Name] = string(content) + header.Linkname
	}
	want := map[string]string{"app/": "", "app/main.py": "print(1)\n", "app/link": "main.py"}
	for name, content := range want {
		if members[name] != content {
			t.Errorf("%s is %q", name, members[name])
		}
	}
	answer := `{"log":"[1/1] FROM scratch\n"}` + "\n" + `{"metadata":{"snapshot_id":"i1"}}` + "\n"
	if err := session.Reply(strings.NewReader(answer), func() {}); err != nil {
		t.Fatal(err)
	}
	s.sessions.Close(id)
	if got := <-ended; got.err != nil || got.log != "[1/1] FROM scratch\n" {
		t.Errorf("%+v", got)
	}
	metadata, err := os.ReadFile(filepath.Join(s.dir, "metadata.json"))
	if err != nil || string(metadata) != `{"snapshot_id":"i1"}` {
		t.Errorf("metadata %s, %v", metadata, err)
	}
}

func TestAFailedBuildLeavesNoMetadata(t *testing.T) {
	s := newStand(t)
	ended := s.build()
	_, session := s.session()
	fetchAll(t, session)
	_ = session.Reply(strings.NewReader(`{"failed":"out of memory"}`+"\n"), func() {})
	if got := <-ended; got.err == nil || got.err.Error() != "out of memory" {
		t.Errorf("%+v", got)
	}
	if _, err := os.Stat(filepath.Join(s.dir, "metadata.json")); !errors.Is(err, os.ErrNotExist) {
		t.Error("there is metadata")
	}
}

func TestWhatRanOutIsSaidWhereClientsLook(t *testing.T) {
	dir := t.TempDir()
	leaveEvidence(dir, "")
	if entries, _ := os.ReadDir(dir); len(entries) > 0 {
		t.Error("there is evidence of nothing")
	}
	for shortOf, wanted := range map[string][2]string{"memory": {"dmesg", "Out of memory"}, "disk": {"df", "100%"}} {
		leaveEvidence(dir, shortOf)
		said, err := exec.Command(filepath.Join(dir, wanted[0])).Output()
		if err != nil || !strings.Contains(string(said), wanted[1]) {
			t.Errorf("%s: %s, %v", shortOf, said, err)
		}
	}
}

func TestALostServerEndsTheBuilder(t *testing.T) {
	s := newStand(t)
	ended := s.build()
	id, session := s.session()
	fetchAll(t, session)
	s.sessions.Close(id)
	if got := <-ended; !errors.Is(got.err, errLost) {
		t.Errorf("%+v", got)
	}
}

func TestTheEndOfABuilderInterruptsItsAnswer(t *testing.T) {
	s := newStand(t)
	s.write("spec.json", `{}`)
	reader, writer := io.Pipe()
	ended := s.build()
	_, session := s.session()
	fetchAll(t, session)
	go func() { _, _ = io.WriteString(writer, `{"metadata":{}}`+"\n") }()
	if err := session.Reply(reader, func() { _ = reader.CloseWithError(io.ErrUnexpectedEOF) }); err == nil {
		t.Error("the answer went on")
	}
	<-ended
}

func TestAContextThatCannotBeReadIsNoWholeArchive(t *testing.T) {
	s := newStand(t)
	s.write("spec.json", `{"contextDir":"`+filepath.Join(s.dir, "absent")+`"}`)
	ended := s.build()
	_, session := s.session()
	if err := session.Fetch(io.Discard, func() error { return nil }); err == nil {
		t.Error("the archive looks whole")
	}
	if got := <-ended; got.err == nil || !strings.Contains(got.err.Error(), "absent") {
		t.Errorf("%+v", got)
	}
}

func TestASessionIsServedOnceAndAnnouncedAgain(t *testing.T) {
	s := newStand(t)
	ended := s.build()
	id, session := s.session()
	if waiting := s.sessions.Waiting(); len(waiting) != 1 || waiting[0].Handle != id {
		t.Errorf("waiting: %+v", waiting)
	}
	fetchAll(t, session)
	if err := session.Fetch(io.Discard, func() error { return nil }); !errors.Is(err, ErrTaken) {
		t.Errorf("second reader: %v", err)
	}
	s.sessions.Close(id)
	<-ended
	if waiting := s.sessions.Waiting(); len(waiting) != 0 {
		t.Errorf("waiting: %+v", waiting)
	}
}
