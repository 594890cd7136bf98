package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// waitVerb makes this program the process that holds a user namespace until its standard input closes.
const waitVerb = "wait"

func waitForEnd() error {
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

// userNamespace carries an id mapping; without one, mounts keep the host's ids.
type userNamespace struct {
	file   *os.File
	holder *exec.Cmd
	end    io.WriteCloser
}

// openUserNamespace makes a namespace with the mapping that the sandbox's own will have: what counts for a mount is
// the mapping, not the namespace. A namespace exists as long as a process is in it or a file refers to it.
func openUserNamespace(ids *idMap) (*userNamespace, error) {
	if ids == nil {
		return &userNamespace{}, nil
	}
	mapping := []syscall.SysProcIDMap{{ContainerID: 0, HostID: ids.HostID, Size: ids.Count}}
	holder := exec.Command("/proc/self/exe", waitVerb)
	holder.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: mapping,
		GidMappings: mapping,
		Pdeathsig:   syscall.SIGKILL,
	}
	end, err := holder.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := holder.Start(); err != nil {
		return nil, fmt.Errorf("new user namespace: %w", err)
	}
	users := &userNamespace{holder: holder, end: end}
	users.file, err = os.Open(fmt.Sprintf("/proc/%d/ns/user", holder.Process.Pid))
	if err != nil {
		users.close()
		return nil, err
	}
	return users, nil
}

func (u *userNamespace) close() {
	if u.holder == nil {
		return
	}
	if u.file != nil {
		_ = u.file.Close()
	}
	_ = u.end.Close()
	_ = u.holder.Wait()
}

// cloneTo shows source at target with the namespace's ids. Mounts below source are left out.
func (u *userNamespace) cloneTo(source, target string) error {
	if err := makeMountPoint(source, target); err != nil {
		return err
	}
	tree, err := unix.OpenTree(unix.AT_FDCWD, source, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return fmt.Errorf("clone mount of %s: %w", source, err)
	}
	defer unix.Close(tree)
	if u.file != nil {
		attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_IDMAP, Userns_fd: uint64(u.file.Fd())}
		if err := unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH, &attr); err != nil {
			return fmt.Errorf("map ids of %s: %w", source, err)
		}
	}
	if err := unix.MoveMount(tree, "", unix.AT_FDCWD, target, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return fmt.Errorf("mount %s at %s: %w", source, target, err)
	}
	return nil
}

// makeMountPoint makes a directory for a directory and a file for a file.
func makeMountPoint(source, target string) error {
	info, err := os.Stat(source)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return os.MkdirAll(target, 0o755)
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	return os.WriteFile(target, nil, 0o644)
}
