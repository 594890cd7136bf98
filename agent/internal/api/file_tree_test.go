package api

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// lines calls a listing and returns its lines; the last one is checked to be the end.
func (a *agent) lines(path string) []map[string]any {
	a.t.Helper()
	status, content := a.call("GET", path, "")
	if status != 200 {
		a.t.Fatalf("%s: %d %s", path, status, content)
	}
	var lines []map[string]any
	for text := range strings.SplitSeq(content, "\n") {
		var line map[string]any
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			a.t.Fatalf("%q: %v", text, err)
		}
		lines = append(lines, line)
	}
	if lines[len(lines)-1]["done"] != true {
		a.t.Fatalf("%s does not say that it ended", path)
	}
	return lines
}

func (a *agent) paths(path string) string {
	a.t.Helper()
	var paths []string
	for _, line := range a.lines(path) {
		if at, ok := line["path"].(string); ok {
			paths = append(paths, at)
		}
	}
	return strings.Join(paths, " ")
}

func (a *agent) expectStatus(method, path, body string, status int) string {
	a.t.Helper()
	got, content := a.call(method, path, body)
	if got != status {
		a.t.Fatalf("%s %s: %d %s", method, path, got, content)
	}
	return content
}

func plantTree(a *agent) {
	for _, name := range []string{"/t/a.go", "/t/sub/b.go", "/t/sub/deep/c.txt", "/t/node_modules/d.go", "/t/.hidden/e.go"} {
		a.write(name, "package "+name+"\nneedle here\n")
	}
	_ = os.Symlink("sub", a.path("t/link"))
	_ = os.Symlink("/etc", a.path("t/out"))
}

func TestATreeIsListedWithoutFollowingLinks(t *testing.T) {
	a := startAgent(t)
	plantTree(a)
	if got := a.paths("/api/v1/files/tree?path=/t&exclude=node_modules&exclude_hidden"); got != "a.go link out sub sub/b.go sub/deep sub/deep/c.txt" {
		t.Fatalf("got %s", got)
	}
	if got := a.paths("/api/v1/files/tree?path=/t&max_depth=1"); got != ".hidden a.go link node_modules out sub" {
		t.Fatalf("got %s", got)
	}
	lines := a.lines("/api/v1/files/tree?path=/t&max_results=3")
	if len(lines) != 4 || lines[3]["truncated"] != true {
		t.Fatalf("got %v", lines)
	}
	a.expectError("GET", "/api/v1/files/tree?path=/t/a.go", "", 400, "NOT_A_DIRECTORY")
	a.expectError("GET", "/api/v1/files/tree?path=/nope", "", 404, "NOT_FOUND")
	a.expectError("GET", "/api/v1/files/tree?path=/t&max_depth=-1", "", 400, "INVALID_REQUEST")
}

func TestStatDescribesLinksAndWhatTheyPointTo(t *testing.T) {
	a := startAgent(t)
	plantTree(a)
	_ = os.Chmod(a.path("t/a.go"), 0o640)
	if got := a.expectStatus("GET", "/api/v1/files/stat?path=/t/a.go", "", 200); !strings.Contains(got, `"type":"file","size":`) || !strings.Contains(got, `"mode":"0640"`) {
		t.Fatalf("got %s", got)
	}
	if got := a.expectStatus("GET", "/api/v1/files/stat?path=/t/link", "", 200); !strings.Contains(got, `"type":"symlink"`) || !strings.Contains(got, `"target":"sub"`) {
		t.Fatalf("got %s", got)
	}
	if got := a.expectStatus("GET", "/api/v1/files/stat?path=/t/link&follow=true", "", 200); !strings.Contains(got, `"type":"directory"`) {
		t.Fatalf("got %s", got)
	}
	a.expectError("GET", "/api/v1/files/stat?path=/t/a.go&follow=maybe", "", 400, "INVALID_REQUEST")
}

func TestFilesAreFoundByGlobs(t *testing.T) {
	a := startAgent(t)
	plantTree(a)
	for query, want := range map[string]string{
		"pattern=*.go&exclude=node_modules&exclude_hidden": "a.go sub/b.go",
		"pattern=sub/**":                       "sub/b.go sub/deep sub/deep/c.txt",
		"pattern=**/deep/*.txt":                "sub/deep/c.txt",
		"pattern=%5Bab%5D.go&type=file":        "a.go sub/b.go",
		"pattern=*.%7Btxt,md%7D":               "sub/deep/c.txt",
		"pattern=deep&type=directory":          "sub/deep",
		"pattern=*.txt&pattern=b.*":            "sub/b.go sub/deep/c.txt",
		"pattern=*.go&max_results=1&type=file": ".hidden/e.go",
	} {
		if got := a.paths("/api/v1/files/find?path=/t&" + query); got != want {
			t.Errorf("%s: got %s", query, got)
		}
	}
	a.expectError("GET", "/api/v1/files/find?path=/t&pattern=%5Bz-a%5D", "", 400, "INVALID_REQUEST")
	a.expectError("GET", "/api/v1/files/find?path=/t&type=socket", "", 400, "INVALID_REQUEST")
}

func TestContentIsSearched(t *testing.T) {
	a := startAgent(t)
	plantTree(a)
	a.write("/t/binary", "needle\x00here")
	a.write("/t/long", strings.Repeat("x", 600_000)+"needle"+strings.Repeat("y", 100_000)+"\nneedle\n")
	lines := a.lines("/api/v1/files/search?path=/t&query=needle&pattern=long")
	if len(lines) != 3 || lines[0]["line"] != 1.0 || lines[1]["line"] != 2.0 || !strings.Contains(lines[0]["text"].(string), "xneedley") {
		t.Fatalf("got %.300v", lines)
	}
	if got := a.paths("/api/v1/files/search?path=/t&query=needle&exclude=.hidden"); got != "a.go long long node_modules/d.go sub/b.go sub/deep/c.txt" {
		t.Fatalf("got %s", got)
	}
	if got := a.paths("/api/v1/files/search?path=/t/sub/b.go&query=NEEDLE%20h&ignore_case=true"); got != "." {
		t.Fatalf("got %s", got)
	}
	found := a.lines("/api/v1/files/search?path=/t&query=%5Epackage%20.*b%5C.go$&regex=true")
	if len(found) != 2 || found[0]["path"] != "sub/b.go" || found[0]["line"] != 1.0 || found[0]["column"] != 1.0 {
		t.Fatalf("got %v", found)
	}
	if got := a.paths("/api/v1/files/search?path=/t&query=%5Epackage"); got != "" {
		t.Fatalf("a literal is taken as an expression: %s", got)
	}
	a.expectError("GET", "/api/v1/files/search?path=/t&query=", "", 400, "INVALID_REQUEST")
	a.expectError("GET", "/api/v1/files/search?path=/t&query=(&regex=1", "", 400, "INVALID_REQUEST")
}

func TestFoldersAreMadeMovedCopiedAndDeleted(t *testing.T) {
	a := startAgent(t)
	plantTree(a)
	a.expectStatus("POST", "/api/v1/files/mkdir?path=/new/deep&parents=true&mode=0770", "", 204)
	a.expectStatus("POST", "/api/v1/files/mkdir?path=/new/deep&parents=true", "", 204)
	if info, _ := os.Stat(a.path("new/deep")); info.Mode().Perm() != 0o770 {
		t.Fatalf("got %v", info.Mode())
	}
	a.expectError("POST", "/api/v1/files/mkdir?path=/new/deep", "", 409, "ALREADY_EXISTS")
	a.expectError("POST", "/api/v1/files/mkdir?path=/no/parent", "", 404, "NOT_FOUND")
	a.expectError("POST", "/api/v1/files/mkdir?path=/t/a.go&parents=1", "", 409, "ALREADY_EXISTS")
	a.expectError("POST", "/api/v1/files/mkdir?path=/x&mode=9", "", 400, "INVALID_REQUEST")
	_ = os.Chmod(a.path("t/sub/b.go"), 0o751)
	a.expectStatus("POST", "/api/v1/files/copy?path=/t&to=/new/copy", "", 204)
	if got, want := a.paths("/api/v1/files/tree?path=/new/copy"), a.paths("/api/v1/files/tree?path=/t"); got != want {
		t.Fatalf("got %s", got)
	}
	if info, _ := os.Stat(a.path("new/copy/sub/b.go")); info.Mode().Perm() != 0o751 {
		t.Fatalf("got %v", info.Mode())
	}
	a.expectError("POST", "/api/v1/files/copy?path=/t&to=/t/sub/inner", "", 400, "INVALID_PATH")
	a.expectError("POST", "/api/v1/files/copy?path=/t/a.go&to=/t/sub/b.go", "", 409, "ALREADY_EXISTS")
	a.expectStatus("POST", "/api/v1/files/copy?path=/t/a.go&to=/t/sub/b.go&overwrite=true", "", 204)
	a.expectError("POST", "/api/v1/files/move?path=/t&to=/t/sub/t", "", 400, "INVALID_PATH")
	a.expectError("POST", "/api/v1/files/move?path=/t/a.go&to=/t/sub/b.go", "", 409, "ALREADY_EXISTS")
	a.expectError("POST", "/api/v1/files/move?path=/nope&to=/else", "", 404, "NOT_FOUND")
	a.expectStatus("POST", "/api/v1/files/move?path=/t&to=/moved/here", "", 204)
	a.expectError("DELETE", "/api/v1/files?path=/moved", "", 400, "IS_DIRECTORY")
	a.expectStatus("DELETE", "/api/v1/files?path=/moved&recursive=true", "", 204)
	a.expectError("DELETE", "/api/v1/files?path=/moved&recursive=true", "", 404, "NOT_FOUND")
	a.expectError("DELETE", "/api/v1/files?path=/&recursive=true", "", 400, "INVALID_PATH")
}

func TestModesAndOwnersOfATreeAreSet(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("changing owners needs root")
	}
	a := startAgent(t)
	plantTree(a)
	outside := a.path("outside")
	a.write("/outside", "x")
	_ = os.Chmod(outside, 0o600)
	_ = os.Symlink("../outside", a.path("t/escape"))
	a.expectStatus("POST", "/api/v1/files/attributes?path=/t&mode=2755&owner=4242:4243&recursive=true", "", 204)
	info, _ := os.Stat(a.path("t/sub/deep/c.txt"))
	if status := info.Sys().(*syscall.Stat_t); info.Mode() != 0o755|os.ModeSetgid || status.Uid != 4242 || status.Gid != 4243 {
		t.Fatalf("got %v", info.Mode())
	}
	if info, _ := os.Stat(outside); info.Mode() != 0o600 {
		t.Fatal("a link was followed out of the tree")
	}
	a.expectError("POST", "/api/v1/files/attributes?path=/t", "", 400, "INVALID_REQUEST")
	a.expectError("POST", "/api/v1/files/attributes?path=/t&owner=nobody-here", "", 400, "USER_NOT_FOUND")
}

func TestATreeGoesOutAndInAsATar(t *testing.T) {
	a := startAgent(t)
	plantTree(a)
	_ = os.Link(a.path("t/a.go"), a.path("t/hard"))
	odd := "odd\xff\n name"
	_ = os.WriteFile(a.path("t/"+odd), []byte("odd"), 0o600)
	_ = os.Chmod(a.path("t/sub"), 0o500)
	t.Cleanup(func() { _ = os.Chmod(a.path("t/sub"), 0o700) })
	sparse, _ := os.Create(a.path("t/sparse"))
	_ = sparse.Truncate(32 << 20)
	_ = sparse.Close()
	archive := a.expectArchive("/api/v1/files/archive?path=/t")
	if got := a.expectStatus("PUT", "/api/v1/files/archive?path=/back", archive, 200); !strings.Contains(got, `"skipped":0`) {
		t.Fatalf("got %s", got)
	}
	if got, want := a.paths("/api/v1/files/tree?path=/back"), a.paths("/api/v1/files/tree?path=/t"); got != want {
		t.Fatalf("got %s want %s", got, want)
	}
	if content, _ := os.ReadFile(a.path("back/" + odd)); string(content) != "odd" {
		t.Fatal("a name that is not UTF-8 was lost")
	}
	info, _ := os.Stat(a.path("back/sparse"))
	if status := info.Sys().(*syscall.Stat_t); info.Size() != 32<<20 || status.Blocks > 2048 {
		t.Fatalf("%d bytes in %d blocks", info.Size(), status.Blocks)
	}
	first, _ := os.Stat(a.path("back/a.go"))
	second, _ := os.Stat(a.path("back/hard"))
	if !os.SameFile(first, second) {
		t.Fatal("a hard link became a file")
	}
	if info, _ := os.Stat(a.path("back/sub")); info.Mode().Perm() != 0o500 {
		t.Fatalf("got %v", info.Mode())
	}
	a.expectError("GET", "/api/v1/files/archive?path=/t/a.go", "", 400, "NOT_A_DIRECTORY")
}

func (a *agent) expectArchive(path string) string {
	a.t.Helper()
	response := a.request(a.t.Context(), "GET", path, nil)
	content, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != 200 {
		a.t.Fatalf("%s: %d %v", path, response.StatusCode, err)
	}
	return string(content)
}

func tarOf(headers ...tar.Header) string {
	var out bytes.Buffer
	writer := tar.NewWriter(&out)
	for _, header := range headers {
		if header.Mode == 0 {
			header.Mode = 0o644
		}
		if header.Typeflag == tar.TypeReg {
			header.Size = 4
		}
		_ = writer.WriteHeader(&header)
		if header.Typeflag == tar.TypeReg {
			_, _ = writer.Write([]byte("evil"))
		}
	}
	_ = writer.Close()
	return out.String()
}

func TestNoArchiveLeadsOutOfItsFolder(t *testing.T) {
	a := startAgent(t)
	a.write("/secret/file", "safe")
	_ = os.Mkdir(a.path("in"), 0o755)
	_ = os.Symlink("../secret", a.path("in/planted"))
	for name, archive := range map[string]string{
		"dots":      tarOf(tar.Header{Name: "../secret/file", Typeflag: tar.TypeReg}),
		"link":      tarOf(tar.Header{Name: "l", Linkname: "../secret", Typeflag: tar.TypeSymlink}, tar.Header{Name: "l/file", Typeflag: tar.TypeReg}),
		"absolute":  tarOf(tar.Header{Name: "k", Linkname: a.path("secret"), Typeflag: tar.TypeSymlink}, tar.Header{Name: "k/file", Typeflag: tar.TypeReg}),
		"planted":   tarOf(tar.Header{Name: "planted/file", Typeflag: tar.TypeReg}),
		"hard":      tarOf(tar.Header{Name: "h", Linkname: "planted/file", Typeflag: tar.TypeLink}, tar.Header{Name: "h", Typeflag: tar.TypeReg}),
		"hard dots": tarOf(tar.Header{Name: "h", Linkname: "../secret/file", Typeflag: tar.TypeLink}),
	} {
		a.expectError("PUT", "/api/v1/files/archive?path=/in", archive, 400, "INVALID_ARCHIVE")
		if content, _ := os.ReadFile(a.path("secret/file")); string(content) != "safe" {
			t.Fatalf("%s: got %q", name, content)
		}
	}
	a.expectStatus("PUT", "/api/v1/files/archive?path=/in", tarOf(tar.Header{Name: "planted", Typeflag: tar.TypeReg}), 200)
	if info, _ := os.Lstat(a.path("in/planted")); !info.Mode().IsRegular() {
		t.Fatal("a link was written through")
	}
}

func TestBrokenArchivesAreRefused(t *testing.T) {
	a := startAgent(t)
	whole := tarOf(tar.Header{Name: "a", Typeflag: tar.TypeReg}, tar.Header{Name: "b", Typeflag: tar.TypeReg})
	a.expectError("PUT", "/api/v1/files/archive?path=/in", strings.Repeat("no tar ", 1000), 400, "INVALID_ARCHIVE")
	a.expectError("PUT", "/api/v1/files/archive?path=/in", whole[:1026], 400, "TRUNCATED_BODY")
	a.expectError("PUT", "/api/v1/files/archive?path=/in", "\x1f\x8bnot gzip at all", 400, "INVALID_ARCHIVE")
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	_, _ = zip.Write([]byte(whole))
	_ = zip.Close()
	a.expectStatus("PUT", "/api/v1/files/archive?path=/zipped", packed.String(), 200)
	if got := a.paths("/api/v1/files/tree?path=/zipped"); got != "a b" {
		t.Fatalf("got %s", got)
	}
	device := tarOf(tar.Header{Name: "null", Typeflag: tar.TypeChar, Devmajor: 1, Devminor: 3})
	if got := a.expectStatus("PUT", "/api/v1/files/archive?path=/dev", device, 200); !strings.Contains(got, `"skipped":1`) {
		t.Fatalf("got %s", got)
	}
}

// watchStand reads the lines of a watch.
type watchStand struct {
	t      *testing.T
	reader *bufio.Reader
}

func (a *agent) watch(query string) *watchStand {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(a.t.Context(), 30*time.Second)
	a.t.Cleanup(cancel)
	response := a.request(ctx, "GET", "/api/v1/files/watch?"+query, nil)
	stand := &watchStand{a.t, bufio.NewReader(response.Body)}
	if line := stand.next(); response.StatusCode != 200 || line != "ready" {
		a.t.Fatalf("%d %s", response.StatusCode, line)
	}
	return stand
}

// next is one event as "op path to".
func (w *watchStand) next() string {
	w.t.Helper()
	text, err := w.reader.ReadString('\n')
	if err != nil {
		w.t.Fatalf("the watch ended: %v", err)
	}
	var line struct{ Op, Path, To string }
	if err := json.Unmarshal([]byte(text), &line); err != nil {
		w.t.Fatal(err)
	}
	return strings.TrimSpace(line.Op + " " + line.Path + " " + line.To)
}

func (w *watchStand) expect(wanted ...string) {
	w.t.Helper()
	for _, want := range wanted {
		var seen []string
		for {
			got := w.next()
			if got == want {
				break
			}
			if seen = append(seen, got); len(seen) > 20 {
				w.t.Fatalf("want %s, got %v", want, seen)
			}
		}
	}
}

func TestChangesOfATreeAreTold(t *testing.T) {
	a := startAgent(t)
	plantTree(a)
	watch := a.watch("path=/t&recursive=true&exclude=node_modules")
	_ = os.WriteFile(a.path("t/node_modules/ignored"), nil, 0o644)
	_ = os.WriteFile(a.path("t/sub/new"), []byte("x"), 0o644)
	watch.expect("create sub/new", "write sub/new")
	_ = os.Rename(a.path("t/sub/new"), a.path("t/newer"))
	watch.expect("rename sub/new newer")
	_ = os.Chmod(a.path("t/newer"), 0o600)
	watch.expect("attributes newer")
	_ = os.Remove(a.path("t/newer"))
	watch.expect("remove newer")
	_ = os.MkdirAll(a.path("t/made/deeper"), 0o755)
	watch.expect("create made", "create made/deeper")
	_ = os.WriteFile(a.path("t/made/deeper/file"), nil, 0o644)
	watch.expect("create made/deeper/file")
	_ = os.Rename(a.path("t/made"), a.path("t/renamed"))
	watch.expect("rename made renamed")
	_ = os.WriteFile(a.path("t/renamed/deeper/second"), nil, 0o644)
	watch.expect("create renamed/deeper/second")
	_ = os.Rename(a.path("t/renamed"), a.path("away"))
	watch.expect("rename renamed")
	_ = os.WriteFile(a.path("away/unseen"), nil, 0o644)
	_ = os.Rename(a.path("away"), a.path("t/again"))
	watch.expect("create again", "create again/deeper", "create again/deeper/file")
	_ = os.RemoveAll(a.path("t"))
	watch.expect("remove .")
	if _, err := watch.reader.ReadByte(); err != io.EOF {
		t.Fatalf("the watch goes on without its folder: %v", err)
	}
}

func TestAFolderIsWatchedWithoutWhatIsBelow(t *testing.T) {
	a := startAgent(t)
	plantTree(a)
	watch := a.watch("path=/t")
	_ = os.WriteFile(a.path("t/sub/unseen"), nil, 0o644)
	_ = os.WriteFile(a.path("t/seen"), nil, 0o644)
	if got := watch.next(); got != "create seen" {
		t.Fatalf("got %s", got)
	}
	a.expectError("GET", "/api/v1/files/watch?path=/t/a.go", "", 400, "NOT_A_DIRECTORY")
	a.expectError("GET", "/api/v1/files/watch?path=/nope", "", 404, "NOT_FOUND")
}

func TestWatchesAreLimitedAndAnEndedOneMakesRoom(t *testing.T) {
	a := startAgent(t)
	plantTree(a)
	const limit = 64
	first, leave := context.WithCancel(context.Background())
	defer leave()
	_ = a.request(first, "GET", "/api/v1/files/watch?path=/t", nil)
	for range limit - 1 {
		_ = a.watch("path=/t")
	}
	a.expectError("GET", "/api/v1/files/watch?path=/t", "", 429, "TOO_MANY_WATCHES")
	leave()
	deadline := time.Now().Add(30 * time.Second)
	for {
		response := a.request(t.Context(), "GET", "/api/v1/files/watch?path=/t", nil)
		if response.StatusCode == 200 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("still refused with %d", response.StatusCode)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestPathsThatAreNoTextAreGivenInBytes(t *testing.T) {
	a := startAgent(t)
	_ = os.Mkdir(a.path("raw"), 0o755)
	_ = os.WriteFile(a.path("raw/\xff"), []byte("x"), 0o644)
	lines := a.lines("/api/v1/files/tree?path=/raw")
	if lines[0]["path"] != "\uFFFD" || lines[0]["path_base64"] != "/w==" {
		t.Fatalf("got %v", lines)
	}
	if got := a.expectStatus("GET", "/api/v1/files?path=/raw/"+url.QueryEscape("\xff"), "", 200); got != "x" {
		t.Fatalf("got %s", got)
	}
}
