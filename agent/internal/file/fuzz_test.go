package file

import (
	"archive/tar"
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"atoll.dev/agent/internal/account"
)

func FuzzGlobs(f *testing.F) {
	for _, seed := range []string{"*.go", "**/a/[!b-c]?", "{a,b}/**", "[", "\\", "a{", "[]a]", "\xff*", "[é-ü]", "{,}", "[[:alpha:]]"} {
		f.Add(seed, "some/path/a.go")
	}
	f.Fuzz(func(t *testing.T, pattern, path string) {
		globs, err := CompileGlobs([]string{pattern})
		if err == nil {
			globs.Fit(path)
		}
	})
}

func FuzzInotifyEvents(f *testing.F) {
	f.Add([]byte{1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 'a', 'b', 0, 0})
	f.Add([]byte{1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, data []byte) {
		if events := parseEvents(data); len(events) > len(data)/16 {
			t.Fatalf("%d events in %d bytes", len(events), len(data))
		}
	})
}

// FuzzExtract lets no archive write outside of the folder that it is unpacked into.
func FuzzExtract(f *testing.F) {
	f.Add(archiveOf(tar.Header{Name: "../x", Typeflag: tar.TypeReg, Size: 1}))
	f.Add(archiveOf(tar.Header{Name: "l", Linkname: "..", Typeflag: tar.TypeSymlink}, tar.Header{Name: "l/x", Typeflag: tar.TypeReg, Size: 1}))
	f.Add(archiveOf(tar.Header{Name: "d/", Typeflag: tar.TypeDir}, tar.Header{Name: "d/h", Linkname: "d", Typeflag: tar.TypeLink}))
	f.Add([]byte("\x1f\x8b\x08"))
	f.Fuzz(func(t *testing.T, archive []byte) {
		root := t.TempDir()
		_, _ = NewSystem(root, "/").Extract(account.Credential{}, "/in", bytes.NewReader(archive), false)
		outside := 0
		_ = filepath.WalkDir(root, func(path string, _ fs.DirEntry, _ error) error {
			if path != root && path != root+"/in" && !strings.HasPrefix(path, root+"/in/") {
				outside++
			}
			return nil
		})
		if outside > 0 {
			t.Fatal("something was written outside")
		}
		_ = filepath.WalkDir(root, func(path string, _ fs.DirEntry, _ error) error { return os.Chmod(path, 0o700) })
	})
}

func archiveOf(headers ...tar.Header) []byte {
	var out bytes.Buffer
	writer := tar.NewWriter(&out)
	for _, header := range headers {
		_ = writer.WriteHeader(&header)
		_, _ = writer.Write(make([]byte, header.Size))
	}
	_ = writer.Close()
	return out.Bytes()
}

func FuzzResolve(f *testing.F) {
	for _, seed := range []string{"/a", "a/../b", "..", "a\x00b", "//", "/./..", "..a/..b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		resolved, err := NewSystem("/root-of-tree", "/work").resolve(path)
		if err == nil && resolved != "/root-of-tree" && !strings.HasPrefix(resolved, "/root-of-tree/") {
			t.Fatalf("%q leads to %q", path, resolved)
		}
	})
}
