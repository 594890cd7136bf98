package file

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"atoll.dev/agent/internal/account"
)

var stranger = account.Credential{UID: 4242, GID: 4243, Groups: []uint32{4244}}

// newTree makes a tree that any user may enter.
func newTree(t *testing.T) (*System, string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("acting as another user needs root")
	}
	root, err := os.MkdirTemp("/tmp", "atoll-file-test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	_ = os.Chmod(root, 0o755)
	for name, mode := range map[string]fs.FileMode{"open": 0o777, "closed": 0o755, "secret": 0o700, "shared": 0o775} {
		_ = os.Mkdir(filepath.Join(root, name), mode)
		_ = os.Chmod(filepath.Join(root, name), mode)
	}
	_ = os.Chown(filepath.Join(root, "shared"), 0, 4244)
	return NewSystem(root, "/"), root
}

func TestTheKernelDecidesWhatAUserMayWrite(t *testing.T) {
	system, root := newTree(t)
	for path, allowed := range map[string]bool{
		"/open/deep/er/file": true, "/shared/file": true, "/closed/file": false, "/secret/file": false, "/closed/new/file": false,
	} {
		err := system.Write(stranger, path, strings.NewReader("x"))
		if allowed != (err == nil) || (!allowed && !errors.Is(err, fs.ErrPermission)) {
			t.Errorf("%s: %v", path, err)
		}
	}
	for _, path := range []string{"open/deep", "open/deep/er/file", "shared/file"} {
		info, err := os.Stat(filepath.Join(root, path))
		if err != nil || info.Sys().(*syscall.Stat_t).Uid != 4242 {
			t.Errorf("%s does not belong to its writer: %v", path, err)
		}
	}
}

func TestTheKernelDecidesWhatAUserMayReadListAndRemove(t *testing.T) {
	system, root := newTree(t)
	for _, name := range []string{"secret/file", "closed/file"} {
		_ = os.WriteFile(filepath.Join(root, name), []byte("x"), 0o644)
	}
	if _, _, err := system.Open(stranger, "/secret/file"); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("open: %v", err)
	}
	if _, err := system.List(stranger, "/secret"); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("list: %v", err)
	}
	if err := system.Remove(stranger, "/closed/file"); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("remove: %v", err)
	}
	if file, _, err := system.Open(stranger, "/closed/file"); err != nil {
		t.Errorf("open: %v", err)
	} else {
		_ = file.Close()
	}
	if unix.Geteuid() != 0 {
		t.Fatal("the test's own thread changed its user")
	}
}

func TestAReadOnlyFileInTheUsersOwnFolderIsNotReplaced(t *testing.T) {
	system, root := newTree(t)
	path := filepath.Join(root, "open/root-file")
	_ = os.WriteFile(path, []byte("old"), 0o644)
	if err := system.Write(stranger, "/open/root-file", strings.NewReader("new")); !errors.Is(err, fs.ErrPermission) {
		t.Fatalf("got %v", err)
	}
}

func TestAWritableFileInAReadOnlyFolderIsWrittenInPlace(t *testing.T) {
	system, root := newTree(t)
	path := filepath.Join(root, "closed/file")
	_ = os.WriteFile(path, []byte("a longer old text"), 0o644)
	_ = os.Chown(path, 4242, 4243)
	if err := system.Write(stranger, "/closed/file", strings.NewReader("new")); err != nil {
		t.Fatal(err)
	}
	if content, _ := os.ReadFile(path); string(content) != "new" {
		t.Fatalf("got %q", content)
	}
}

func TestOwnerAndModeOfAReplacedFileStay(t *testing.T) {
	system, root := newTree(t)
	path := filepath.Join(root, "shared/tool")
	_ = os.WriteFile(path, []byte("old"), 0o644)
	_ = os.Chown(path, 5000, 4244)
	_ = os.Chmod(path, 0o775|fs.ModeSetuid)
	if err := system.Write(account.Credential{}, "/shared/tool", strings.NewReader("new")); err != nil {
		t.Fatal(err)
	}
	info, _ := os.Stat(path)
	if status := info.Sys().(*syscall.Stat_t); status.Uid != 5000 || status.Gid != 4244 || info.Mode() != 0o775|fs.ModeSetuid {
		t.Fatalf("got %v %d:%d", info.Mode(), status.Uid, status.Gid)
	}
}

func TestWhoIsNotRootDoesNotKeepSetIDBits(t *testing.T) {
	system, root := newTree(t)
	path := filepath.Join(root, "shared/tool")
	_ = os.WriteFile(path, []byte("old"), 0o644)
	_ = os.Chown(path, 0, 4244)
	_ = os.Chmod(path, 0o775|fs.ModeSetuid|fs.ModeSetgid)
	if err := system.Write(stranger, "/shared/tool", strings.NewReader("new")); err != nil {
		t.Fatal(err)
	}
	info, _ := os.Stat(path)
	if status := info.Sys().(*syscall.Stat_t); status.Uid != 0 || status.Gid != 4244 || info.Mode() != 0o775 {
		t.Fatalf("got %v %d:%d", info.Mode(), status.Uid, status.Gid)
	}
}

func TestAFileThatCameInPlaceOfAnotherGivesItsOwnOwner(t *testing.T) {
	_, root := newTree(t)
	path, mine := filepath.Join(root, "open/tool"), filepath.Join(root, "open/mine")
	_ = os.WriteFile(path, []byte("root's"), 0o644)
	_ = os.WriteFile(mine, []byte("mine"), 0o644)
	_ = os.Chown(mine, 4242, 4243)
	lookedAt, _ := os.Lstat(path)
	_ = os.Rename(mine, path)
	goal := &target{path: path, info: lookedAt}
	if err := stranger.ActAs(goal.openExisting); err != nil {
		t.Fatal(err)
	}
	defer goal.close()
	temp, err := goal.createTemp()
	if err != nil {
		t.Fatal(err)
	}
	if err := goal.fill(stranger, temp, strings.NewReader("new")); err != nil {
		t.Fatal(err)
	}
	info, _ := os.Stat(path)
	if status := info.Sys().(*syscall.Stat_t); status.Uid != 4242 {
		t.Fatalf("belongs to %d", status.Uid)
	}
}

func TestAMountPointIsWrittenInPlace(t *testing.T) {
	system, root := newTree(t)
	source, mounted := filepath.Join(root, "open/source"), filepath.Join(root, "open/mounted")
	_ = os.WriteFile(source, []byte("old"), 0o666)
	_ = os.WriteFile(mounted, nil, 0o666)
	if err := unix.Mount(source, mounted, "", unix.MS_BIND, ""); err != nil {
		t.Skipf("mounting is not permitted: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(mounted, unix.MNT_DETACH) })
	if err := system.Write(account.Credential{}, "/open/mounted", strings.NewReader("new")); err != nil {
		t.Fatal(err)
	}
	if content, _ := os.ReadFile(source); string(content) != "new" {
		t.Fatalf("got %q", content)
	}
	if entries, _ := os.ReadDir(filepath.Join(root, "open")); len(entries) != 2 {
		t.Fatalf("left %v", entries)
	}
}

type brokenReader struct{ sent bool }

func (b *brokenReader) Read(into []byte) (int, error) {
	if b.sent {
		return 0, io.ErrUnexpectedEOF
	}
	b.sent = true
	return copy(into, "half"), nil
}

func TestABrokenUploadLeavesNothing(t *testing.T) {
	system := NewSystem(t.TempDir(), "/")
	if err := system.Write(account.Credential{}, "/new", &brokenReader{}); !errors.Is(err, ErrTruncated) {
		t.Fatalf("got %v", err)
	}
	if entries, _ := os.ReadDir(system.root); len(entries) != 0 {
		t.Fatalf("left %v", entries)
	}
}
