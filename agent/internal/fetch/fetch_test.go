package fetch

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const contentSum = "sha256:ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73"

func serve(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/file" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Last-Modified", "Tue, 14 Nov 2023 22:13:20 GMT")
		_, _ = w.Write([]byte("content"))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestDownloadKeepsContentAndTime(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := download(serve(t)+"/file", file, contentSum); err != nil {
		t.Fatal(err)
	}
	content, _ := os.ReadFile(file)
	info, err := os.Stat(file)
	if err != nil || string(content) != "content" || info.Mode() != 0o600 {
		t.Fatalf("%q %v %v", content, info.Mode(), err)
	}
	if want := time.Unix(1_700_000_000, 0); !info.ModTime().Equal(want) {
		t.Errorf("modified at %v", info.ModTime())
	}
}

func TestDownloadRefusesOtherContent(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	err := download(serve(t)+"/file", file, "sha256:"+strings.Repeat("0", 64))
	if err == nil || !strings.Contains(err.Error(), "instead of") {
		t.Fatal(err)
	}
}

func TestMainSaysWhatTheServerAnswers(t *testing.T) {
	var said bytes.Buffer
	if code := Main([]string{serve(t) + "/none", filepath.Join(t.TempDir(), "file")}, &said); code != 1 {
		t.Fatalf("exit code %d", code)
	}
	if !strings.Contains(said.String(), "404") {
		t.Fatal(said.String())
	}
}
