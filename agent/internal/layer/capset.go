package layer

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

func setCapabilities(header *unix.CapUserHeader, sets *[2]unix.CapUserData) error {
	_, _, errno := syscall.AllThreadsSyscall(
		unix.SYS_CAPSET, uintptr(unsafe.Pointer(header)), uintptr(unsafe.Pointer(&sets[0])), 0,
	)
	if errno != 0 {
		return errno
	}
	return nil
}
