package checkout

import (
	"bytes"
	"encoding/json"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const commitTime = "1700000000 +0000"

// host serves the repositories below a directory, as a forge does.
type host struct {
	t    *testing.T
	root string
	url  string
}

func newHost(t *testing.T) host {
	t.Helper()
	program, err := exec.LookPath("git")
	if err != nil {
		t.Skip("git is not installed")
	}
	root := t.TempDir()
	server := httptest.NewServer(&cgi.Handler{
		Path: program, Args: []string{"http-backend"}, Root: "/",
		Env: []string{"GIT_PROJECT_ROOT=" + root, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_NOSYSTEM=1"},
	})
	t.Cleanup(server.Close)
	return host{t, root, server.URL}
}

func (h host) git(repository string, args ...string) string {
	h.t.Helper()
	command := exec.Command("git", args...)
	command.Dir = filepath.Join(h.root, repository)
	command.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b",
		"GIT_AUTHOR_DATE="+commitTime, "GIT_COMMITTER_DATE="+commitTime)
	out, err := command.CombinedOutput()
	if err != nil {
		h.t.Fatalf("git %v: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// commit makes a commit of files, given as pairs of name and content, and tells its name.
func (h host) commit(repository string, files ...string) string {
	h.t.Helper()
	dir := filepath.Join(h.root, repository)
	if _, err := os.Stat(dir); err != nil {
		_ = os.MkdirAll(dir, 0o755)
		h.git(repository, "init", "--quiet", "--initial-branch=main")
	}
	for i := 0; i < len(files); i += 2 {
		at := filepath.Join(dir, files[i])
		_ = os.MkdirAll(filepath.Dir(at), 0o755)
		if err := os.WriteFile(at, []byte(files[i+1]), 0o644); err != nil {
			h.t.Fatal(err)
		}
	}
	h.git(repository, "add", "--all")
	h.git(repository, "commit", "--quiet", "--message=c")
	return h.git(repository, "rev-parse", "HEAD")
}

func ask(t *testing.T, request Request) (string, string) {
	t.Helper()
	text, _ := json.Marshal(request)
	var out, said bytes.Buffer
	Main([]string{string(text)}, &out, &said)
	return strings.TrimSpace(out.String()), strings.TrimSpace(said.String())
}

func contentOf(t *testing.T, parts ...string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(parts...))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestRefsAreBranchesTagsAndCommits(t *testing.T) {
	h := newHost(t)
	first := h.commit("r", "f", "1")
	h.git("r", "tag", "v1")
	h.git("r", "tag", "--annotate", "--message=m", "v1a")
	h.git("r", "branch", "ends/in/v1")
	second := h.commit("r", "f", "2")
	h.git("r", "branch", "v1-not")
	remote := h.url + "/r/.git"
	if commit, said := ask(t, Request{Remote: remote, Ref: "main", Commit: first, Into: filepath.Join(t.TempDir(), "x")}); commit != first {
		t.Errorf("what was known is %q: %s", commit, said)
	}
	for ref, want := range map[string]string{
		"": second, "main": second, "v1": first, "v1a": first, "refs/tags/v1": first, "tags/v1": first,
		"heads/main": second, "ends/in/v1": first, first: first,
	} {
		if commit, said := ask(t, Request{Remote: remote, Ref: ref}); commit != want {
			t.Errorf("%q is %q, not %s: %s", ref, commit, want, said)
		}
	}
	for _, ref := range []string{"none", "in/v1", "--upload-pack=x", first[:12]} {
		if commit, said := ask(t, Request{Remote: remote, Ref: ref}); commit != "" || !strings.Contains(said, "no branch or tag") {
			t.Errorf("%q is %q: %s", ref, commit, said)
		}
	}
}

func TestFilesAreThoseOfTheCommit(t *testing.T) {
	h := newHost(t)
	first := h.commit("r", "f", "1", "dir/g", "g")
	h.commit("r", "f", "2")
	into := filepath.Join(t.TempDir(), "into")
	commit, said := ask(t, Request{Remote: h.url + "/r/.git", Ref: first, Into: into, Subdirectory: "dir"})
	if commit != first || contentOf(t, into, "f") != "1" || contentOf(t, into, "dir/g") != "g" {
		t.Fatalf("%s %s", commit, said)
	}
	if _, err := os.Lstat(filepath.Join(into, ".git")); err == nil {
		t.Error("what git keeps is there")
	}
	info, _ := os.Stat(filepath.Join(into, "f"))
	if want := time.Unix(1_700_000_000, 0); !info.ModTime().Equal(want) {
		t.Errorf("a file is of %v", info.ModTime())
	}
	_, said = ask(t, Request{Remote: h.url + "/r/.git", Into: filepath.Join(t.TempDir(), "x"), Subdirectory: "f"})
	if !strings.Contains(said, "no directory f") {
		t.Error(said)
	}
}

func TestAKeptGitDirectoryIsWhole(t *testing.T) {
	h := newHost(t)
	commit := h.commit("r", "f", "1")
	into := filepath.Join(t.TempDir(), "into")
	remote := strings.Replace(h.url, "://", "://user:secret@", 1) + "/r/.git"
	if got, said := ask(t, Request{Remote: remote, Into: into, KeepsGitDirectory: true}); got != commit {
		t.Fatal(said)
	}
	inside := host{t, into, ""}
	if status := inside.git(".", "status", "--porcelain"); status != "" {
		t.Error(status)
	}
	if strings.Contains(contentOf(t, into, ".git/config"), "secret") {
		t.Error("the password is kept")
	}
	if head := inside.git(".", "rev-parse", "HEAD"); head != commit {
		t.Error(head)
	}
}

func TestChecksumsAreBeginningsOfTheCommitOrItsTag(t *testing.T) {
	h := newHost(t)
	commit := h.commit("r", "f", "1")
	h.git("r", "tag", "--annotate", "--message=m", "v1")
	for _, right := range []string{commit, commit[:7], h.git("r", "rev-parse", "v1")} {
		if got, said := ask(t, Request{Remote: h.url + "/r/.git", Ref: "v1", Checksum: right}); got != commit {
			t.Errorf("%s: %s", right, said)
		}
	}
	wrong := strings.Repeat("0", 40)
	if _, said := ask(t, Request{Remote: h.url + "/r/.git", Checksum: wrong}); !strings.Contains(said, "is the commit "+commit) {
		t.Error(said)
	}
}

func TestSubmodulesComeAlong(t *testing.T) {
	h := newHost(t)
	h.commit("sub", "s", "s")
	h.commit("r", "f", "1")
	h.git("r", "submodule", "--quiet", "add", h.url+"/sub/.git", "sub")
	// Relative to the repository, as forges like it.
	h.git("r", "config", "--file=.gitmodules", "submodule.sub.url", "../../sub/.git")
	h.commit("r")
	remote := h.url + "/r/.git"
	into := filepath.Join(t.TempDir(), "with")
	if _, said := ask(t, Request{Remote: remote, Into: into, TakesSubmodules: true}); said != "" || contentOf(t, into, "sub/s") != "s" {
		t.Fatal(said)
	}
	if _, err := os.Lstat(filepath.Join(into, "sub/.git")); err == nil {
		t.Error("what git keeps of the submodule is there")
	}
	without := filepath.Join(t.TempDir(), "without")
	if _, said := ask(t, Request{Remote: remote, Into: without}); said != "" {
		t.Fatal(said)
	}
	if _, err := os.Lstat(filepath.Join(without, "sub/s")); err == nil {
		t.Error("the submodule is there")
	}
}

func TestNothingIsFetchedFromTheMachineItself(t *testing.T) {
	h := newHost(t)
	h.commit("r", "f", "1")
	for _, remote := range []string{h.root + "/r/.git", "file://" + h.root + "/r/.git", "ext::sh -c true"} {
		if commit, said := ask(t, Request{Remote: remote}); commit != "" || !strings.Contains(said, "not allowed") {
			t.Errorf("%s: %q %s", remote, commit, said)
		}
	}
}
