package api

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func (a *agent) path(name string) string { return filepath.Join(a.root, name) }

func (a *agent) write(name, content string) {
	a.t.Helper()
	if status, answer := a.call("PUT", "/api/v1/files?path="+name, content); status != 204 {
		a.t.Fatalf("write %s: %d %s", name, status, answer)
	}
}

func TestFilesAreWrittenReadListedAndDeleted(t *testing.T) {
	a := startAgent(t)
	a.write("%2Fdata%2Fsub%2Fa+file.csv", "name,score")
	a.write("relative.txt", "x")
	if status, content := a.call("GET", "/api/v1/files?path=%2Fdata%2Fsub%2Fa+file.csv", ""); status != 200 || content != "name,score" {
		t.Fatalf("got %d %s", status, content)
	}
	if content, _ := os.ReadFile(a.path("work/relative.txt")); string(content) != "x" {
		t.Fatal("a relative path does not start at the working directory")
	}
	_ = os.Mkdir(a.path("data/z-dir"), 0o755)
	a.write("/data/a.txt", "12345")
	_, content := a.call("GET", "/api/v1/files/list?path=/data", "")
	if !strings.Contains(content, `"path":"/data"`) {
		t.Fatalf("got %s", content)
	}
	order := []string{`"name":"sub","is_dir":true,"size":null`, `"name":"z-dir"`, `"name":"a.txt","is_dir":false,"size":5,"modified_at":1`}
	last := -1
	for _, part := range order {
		at := strings.Index(content, part)
		if at <= last {
			t.Fatalf("%s is missing or misplaced in %s", part, content)
		}
		last = at
	}
	if status, _ := a.call("DELETE", "/api/v1/files?path=/data/a.txt", ""); status != 204 {
		t.Fatalf("delete: %d", status)
	}
	a.expectError("GET", "/api/v1/files?path=/data/a.txt", "", 404, "NOT_FOUND")
}

func TestWrongFileRequestsAreRefused(t *testing.T) {
	a := startAgent(t)
	a.write("/file", "x")
	_ = os.Mkdir(a.path("dir"), 0o755)
	_ = unix.Mkfifo(a.path("fifo"), 0o644)
	_ = os.Symlink("loop", a.path("loop"))
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		a.expectError(method, "/api/v1/files", "", 400, "INVALID_PATH")
		a.expectError(method, "/api/v1/files?path=%00", "", 400, "INVALID_PATH")
		a.expectError(method, "/api/v1/files?path=%zz", "", 400, "INVALID_REQUEST")
		a.expectError(method, "/api/v1/files?path=/dir/../file", "", 403, "PATH_TRAVERSAL")
		a.expectError(method, "/api/v1/files?path=..", "", 403, "PATH_TRAVERSAL")
		a.expectError(method, "/api/v1/files?path=/dir", "", 400, "IS_DIRECTORY")
		a.expectError(method, "/api/v1/files?path=/file/below", "", 400, "NOT_A_DIRECTORY")
		a.expectError(method, "/api/v1/files?path=/"+strings.Repeat("x", 300), "", 400, "INVALID_PATH")
		a.expectError(method, "/api/v1/files?path=/file&user=nobody-here", "", 400, "USER_NOT_FOUND")
	}
	a.expectError("GET", "/api/v1/files?path=/fifo", "", 400, "NOT_A_REGULAR_FILE")
	a.expectError("PUT", "/api/v1/files?path=/fifo", "x", 400, "NOT_A_REGULAR_FILE")
	a.expectError("GET", "/api/v1/files?path=/loop", "", 400, "INVALID_PATH")
	a.expectError("PUT", "/api/v1/files?path=/loop", "x", 400, "INVALID_PATH")
	a.expectError("GET", "/api/v1/files?path=/nope", "", 404, "NOT_FOUND")
	a.expectError("DELETE", "/api/v1/files?path=/nope", "", 404, "NOT_FOUND")
	a.expectError("GET", "/api/v1/files/list?path=/file", "", 400, "NOT_A_DIRECTORY")
	a.expectError("GET", "/api/v1/files/list?path=/nope", "", 404, "NOT_FOUND")
}

func TestAWriteKeepsModeAndFollowsLinks(t *testing.T) {
	a := startAgent(t)
	a.write("/tool", "old")
	_ = os.Chmod(a.path("tool"), 0o751)
	_ = os.Symlink("tool", a.path("link"))
	_ = os.Symlink("dangling-target", a.path("dangling"))
	a.write("/link", "new")
	a.write("/dangling", "made")
	info, _ := os.Lstat(a.path("tool"))
	content, _ := os.ReadFile(a.path("tool"))
	if info.Mode() != 0o751 || string(content) != "new" {
		t.Fatalf("got %v %q", info.Mode(), content)
	}
	if link, err := os.Readlink(a.path("link")); err != nil || link != "tool" {
		t.Fatalf("the link was replaced: %v", err)
	}
	if content, _ := os.ReadFile(a.path("dangling-target")); string(content) != "made" {
		t.Fatal("the target of a dangling link was not made")
	}
	if status, _ := a.call("DELETE", "/api/v1/files?path=/link", ""); status != 204 {
		t.Fatal("a link cannot be deleted")
	}
	if _, err := os.Stat(a.path("tool")); err != nil {
		t.Fatal("deleting a link deleted its target")
	}
}

func TestATruncatedUploadLeavesTheOldFileAndNothingElse(t *testing.T) {
	a := startAgent(t)
	a.write("/keep", "old")
	connection, err := net.Dial("tcp", a.address)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(connection, "PUT /api/v1/files?path=/keep HTTP/1.1\r\nHost: x\r\nX-Atoll-Token: %s\r\n"+
		"Content-Length: 1000000\r\n\r\n%s", testToken, strings.Repeat("x", 100_000))
	waitFor(t, func() bool { return len(a.names()) == 3 })
	_ = connection.Close()
	waitFor(t, func() bool { return len(a.names()) == 2 })
	if content, _ := os.ReadFile(a.path("keep")); string(content) != "old" {
		t.Fatalf("got %q", content)
	}
}

func (a *agent) names() (names []string) {
	entries, _ := os.ReadDir(a.root)
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

func TestRangesAndSizesAreTold(t *testing.T) {
	a := startAgent(t)
	a.write("/file", "0123456789")
	request, _ := http.NewRequest("GET", "http://"+a.address+"/api/v1/files?path=/file", nil)
	request.Header.Set("X-Atoll-Token", testToken)
	request.Header.Set("Range", "bytes=2-4")
	response, err := http.DefaultClient.Do(request)
	if err != nil || response.StatusCode != 206 || response.ContentLength != 3 {
		t.Fatalf("got %v %v", response, err)
	}
	_ = response.Body.Close()
	whole := a.request(t.Context(), "GET", "/api/v1/files?path=/file", nil)
	if whole.ContentLength != 10 || whole.Header.Get("Content-Type") != "application/octet-stream" {
		t.Fatalf("got %v", whole.Header)
	}
}

func TestAFullDiskIsTold(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("mounting a tmpfs needs root")
	}
	a := startAgent(t)
	full := a.path("full")
	_ = os.Mkdir(full, 0o755)
	if err := unix.Mount("tmpfs", full, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("mounting a tmpfs is not permitted: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(full, unix.MNT_DETACH) })
	a.expectError("PUT", "/api/v1/files?path=/full/big", strings.Repeat("x", 2<<20), 507, "NO_SPACE")
	if entries, _ := os.ReadDir(full); len(entries) != 0 {
		t.Fatalf("left %v", entries)
	}
}

func TestProcFilesHaveContent(t *testing.T) {
	a := startAgent(t)
	if err := os.Symlink("/proc/self/status", a.path("status")); err != nil {
		t.Fatal(err)
	}
	if _, content := a.call("GET", "/api/v1/files?path=/status", ""); !strings.Contains(content, "Pid:") {
		t.Fatalf("got %q", content)
	}
}

func TestALargeUploadIsNotBuffered(t *testing.T) {
	a := startAgent(t)
	started := time.Now()
	content := strings.Repeat("0123456789abcdef", 4<<20)
	a.write("/large", content)
	if info, err := os.Stat(a.path("large")); err != nil || info.Size() != int64(len(content)) {
		t.Fatalf("after %v: %v", time.Since(started), err)
	}
}
