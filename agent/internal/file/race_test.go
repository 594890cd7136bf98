package file

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"atoll.dev/agent/internal/account"
)

// swap exchanges a folder for a link that leads out of the tree, again and again, until the test ends.
func swap(t *testing.T, folder, link string) {
	t.Helper()
	var running sync.WaitGroup
	ctx, stop := context.WithCancel(t.Context())
	running.Go(func() {
		for ctx.Err() == nil {
			_ = unix.Renameat2(unix.AT_FDCWD, folder, unix.AT_FDCWD, link, unix.RENAME_EXCHANGE)
		}
	})
	t.Cleanup(func() {
		stop()
		running.Wait()
	})
}

func TestWhoExchangesFoldersForLinksLeadsNothingOutOfTheTree(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("changing owners needs root")
	}
	root := t.TempDir()
	system := NewSystem(root, "/")
	victim := filepath.Join(root, "victim")
	for _, folder := range []string{"victim", "tree/sub"} {
		_ = os.MkdirAll(filepath.Join(root, folder), 0o755)
	}
	_ = os.WriteFile(filepath.Join(victim, "file"), []byte("secret"), 0o600)
	_ = os.Symlink(victim, filepath.Join(root, "tree/link"))
	swap(t, filepath.Join(root, "tree/sub"), filepath.Join(root, "tree/link"))
	mode, owner := uint32(0o777), uint32(4242)
	me := account.Credential{}
	for range 150 {
		_ = system.SetAttributes(me, "/tree", Attributes{Permissions: &mode, UID: &owner, Recursive: true})
		_ = system.Copy(me, "/tree", "/copy", false)
		if _, err := os.Stat(filepath.Join(root, "copy/sub/file")); err == nil && !isLink(filepath.Join(root, "copy/sub")) {
			t.Fatal("a copy holds what is outside of the tree")
		}
		_ = system.RemoveAll(me, "/copy")
		if archive, err := system.OpenArchive(me, "/tree", Selection{}); err == nil {
			_ = archive.WriteTo(t.Context(), io.Discard)
		}
	}
	info, err := os.Stat(filepath.Join(victim, "file"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("what is outside of the tree was changed: %v %v", info, err)
	}
	if uid, _, _ := ownerOf(info); uid != 0 {
		t.Fatal("what is outside of the tree was given away")
	}
}

func isLink(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode()&os.ModeSymlink != 0
}
