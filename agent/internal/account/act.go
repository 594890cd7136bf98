package account

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// ActAs runs operation with the file permissions of a credential, so the kernel itself decides what is
// allowed. It changes the effective ids of one thread by raw system calls (the wrappers in package syscall
// change all threads); setfsuid would be narrower, but gVisor does not have it. The thread is never
// unlocked: the Go runtime ends it with the goroutine, so changed ids cannot leak into other work.
func (c Credential) ActAs(operation func() error) error {
	if c.UID == 0 || unix.Geteuid() != 0 {
		return operation()
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		done <- c.act(operation)
	}()
	return <-done
}

// act keeps a defect in one operation from ending the agent: nobody else catches panics of this goroutine.
func (c Credential) act(operation func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v", cause)
		}
	}()
	if err := c.assume(); err != nil {
		return err
	}
	return operation()
}

func (c Credential) assume() error {
	groups := append([]uint32{c.GID}, c.Groups...)
	if errno := rawSetgroups(groups); errno != 0 {
		return errno
	}
	const unchanged = ^uintptr(0)
	if _, _, errno := unix.RawSyscall(unix.SYS_SETRESGID, unchanged, uintptr(c.GID), unchanged); errno != 0 {
		return errno
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, unchanged, uintptr(c.UID), unchanged); errno != 0 {
		return errno
	}
	return nil
}
