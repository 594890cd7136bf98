package cgroup

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// createV2 forks with CLONE_INTO_CGROUP, so every child is born inside. Where the kernel refuses that, the
// child is moved right after it started.
func createV2(root string, maxProcesses int64) (*Group, error) {
	if err := enablePids(root); err != nil {
		return nil, errors.Join(ErrUnavailable, err)
	}
	group, err := makeGroup(root, maxProcesses)
	if err != nil {
		return nil, err
	}
	fd, err := unix.Open(group.dir, unix.O_DIRECTORY|unix.O_CLOEXEC|unix.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	group.fork = func(path string, argv []string, attr *syscall.ProcAttr) (int, error) {
		return forkInto(group.dir, fd, path, argv, attr)
	}
	return group, nil
}

// enablePids first moves the agent into a group of its own where the kernel allows no processes beside
// groups with controllers, which is everywhere but in the root group.
func enablePids(root string) error {
	control := filepath.Join(root, "cgroup.subtree_control")
	err := os.WriteFile(control, []byte("+pids"), 0)
	if !errors.Is(err, unix.EBUSY) {
		return err
	}
	own := filepath.Join(root, agentName)
	if err := os.Mkdir(own, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	if err := writeNumber(filepath.Join(own, "cgroup.procs"), int64(os.Getpid())); err != nil {
		return err
	}
	return os.WriteFile(control, []byte("+pids"), 0)
}

func forkInto(dir string, fd int, path string, argv []string, attr *syscall.ProcAttr) (int, error) {
	inside, system := *attr, *attr.Sys
	system.UseCgroupFD, system.CgroupFD = true, fd
	inside.Sys = &system
	pid, err := syscall.ForkExec(path, argv, &inside)
	if !errors.Is(err, unix.ENOSYS) && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.EOPNOTSUPP) {
		return pid, err
	}
	pid, err = syscall.ForkExec(path, argv, attr)
	if err == nil {
		err = moveInto(dir, pid)
	}
	return pid, err
}

// moveInto kills a child that could not be bounded.
func moveInto(dir string, pid int) error {
	err := writeNumber(filepath.Join(dir, "cgroup.procs"), int64(pid))
	if err == nil || errors.Is(err, unix.ESRCH) {
		return nil
	}
	_ = syscall.Kill(pid, syscall.SIGKILL)
	return err
}
