package account

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

func rawSetgroups(groups []uint32) unix.Errno {
	pointer := unsafe.Pointer(unsafe.SliceData(groups))
	_, _, errno := unix.RawSyscall(unix.SYS_SETGROUPS, uintptr(len(groups)), uintptr(pointer), 0)
	return errno
}
