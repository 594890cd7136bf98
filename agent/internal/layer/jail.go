// Package layer reads and writes the files of images while they are built. It runs on the host, as short-lived processes
// that see nothing of it: the first thing each does is to make the tree it works on its root.
package layer

import (
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// kept are the capabilities that reading any file and setting any owner, mode and attribute take.
var kept = []int{
	unix.CAP_CHOWN, unix.CAP_DAC_OVERRIDE, unix.CAP_FOWNER, unix.CAP_FSETID, unix.CAP_MKNOD, unix.CAP_SETFCAP,
	// Marks of the overlay file system are `trusted` attributes.
	unix.CAP_SYS_ADMIN,
}

// Enter makes root the root of this process for good: links in it lead nowhere else, whoever made them.
func Enter(root string) error {
	if err := os.Chdir(root); err != nil {
		return err
	}
	if err := syscall.Chroot("."); err != nil {
		return fmt.Errorf("chroot to %s: %w", root, err)
	}
	unix.Umask(0)
	return dropCapabilities()
}

// dropCapabilities of all threads: the one to chroot again is the one that leads out.
func dropCapabilities() error {
	var mask uint64
	for _, capability := range kept {
		mask |= 1 << capability
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	sets := [2]unix.CapUserData{half(uint32(mask)), half(uint32(mask >> 32))}
	return setCapabilities(&header, &sets)
}

func half(bits uint32) unix.CapUserData {
	return unix.CapUserData{Effective: bits, Permitted: bits}
}
