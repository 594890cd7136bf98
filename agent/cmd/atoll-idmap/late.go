package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// attachVerb and detachVerb change the mounts of a sandbox that runs:
//
//	atoll-idmap attach PID SOURCE DESTINATION
//	atoll-idmap detach PID SOURCE DESTINATION OTHERS
//
// PID is the sandbox's first process, SOURCE a mount of the host, DESTINATION a plain absolute path inside, OTHERS how
// many more mounts of SOURCE the sandbox is to keep.
const (
	attachVerb = "attach"
	detachVerb = "detach"
	// busyExitCode tells the server that the sandbox uses what it was to lose.
	busyExitCode = 16
	// maxDetached is more than anybody mounts over one volume.
	maxDetached = 100
)

// resolve looks paths up as the sandbox does, but never through what a process of it has open.
const resolve = unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS

func changeMounts(args []string) error {
	verb, pid, source, destination := args[0], args[1], args[2], args[3]
	if verb == attachVerb {
		return attach(pid, source, destination)
	}
	others, err := strconv.Atoi(args[4])
	if err != nil {
		return err
	}
	return detach(pid, source, destination, others)
}

// attach does nothing where source is there already.
func attach(pid, source, destination string) error {
	var wanted unix.Stat_t
	if err := unix.Stat(source, &wanted); err != nil {
		return fmt.Errorf("look at %s: %w", source, err)
	}
	tree, owner, err := cloneFor(pid, source)
	if err != nil {
		return err
	}
	defer unix.Close(tree)
	if err := enterMountsOf(pid); err != nil {
		return err
	}
	target, err := makeFolder(destination, owner)
	if err != nil {
		return fmt.Errorf("make %s: %w", destination, err)
	}
	defer unix.Close(target)
	if isSame(target, &wanted) {
		return nil
	}
	flags := unix.MOVE_MOUNT_F_EMPTY_PATH | unix.MOVE_MOUNT_T_EMPTY_PATH
	if err := unix.MoveMount(tree, "", target, "", flags); err != nil {
		return fmt.Errorf("mount %s: %w", destination, err)
	}
	return nil
}

// detach takes source away wherever it is by now: folders on the way to it can be renamed. Of a sandbox that is to keep
// others of the same source it takes the one at destination. A volume is a file system of its own, which tells its mounts.
func detach(pid, source, destination string, others int) error {
	var wanted unix.Stat_t
	if err := unix.Stat(source, &wanted); err != nil {
		return fmt.Errorf("look at %s: %w", source, err)
	}
	mounts, err := os.Open("/proc/" + pid + "/mountinfo")
	if err != nil {
		return err
	}
	defer mounts.Close()
	if err := enterMountsOf(pid); err != nil {
		return err
	}
	for range maxDetached {
		found, err := mountsOf(mounts, wanted.Dev)
		if err != nil || len(found) <= others {
			return err
		}
		place := found[len(found)-1]
		if others > 0 {
			place = destination
		}
		if !slices.Contains(found, place) {
			break
		}
		if err := unmount(place); err != nil {
			return err
		}
	}
	return fmt.Errorf("%s is not at %s: %w", source, destination, unix.EBUSY)
}

// mountsOf are the places of a file system, in the order in which they were mounted.
func mountsOf(mountinfo io.ReadSeeker, device uint64) ([]string, error) {
	if _, err := mountinfo.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	text, err := io.ReadAll(mountinfo)
	wanted := fmt.Sprintf("%d:%d", unix.Major(device), unix.Minor(device))
	var found []string
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) > 4 && fields[2] == wanted {
			found = append(found, octal.Replace(fields[4]))
		}
	}
	return found, err
}

// octal is how the kernel writes what would end a field.
var octal = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)

// unmount names the place by its parent, as an open file of a mount would keep it busy.
func unmount(place string) error {
	parent, err := openFolder(path.Dir(place))
	if err != nil {
		return fmt.Errorf("open the folder of %s: %w", place, err)
	}
	defer unix.Close(parent)
	if err := unix.Fchdir(parent); err != nil {
		return err
	}
	if err := unix.Unmount(path.Base(place), unix.UMOUNT_NOFOLLOW); err != nil {
		return fmt.Errorf("unmount %s: %w", place, err)
	}
	return nil
}

// cloneFor answers a mount of source that is nowhere yet, with the ids of the sandbox, and who is root in there.
func cloneFor(pid, source string) (tree, owner int, err error) {
	tree, err = unix.OpenTree(unix.AT_FDCWD, source, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return 0, 0, fmt.Errorf("clone mount of %s: %w", source, err)
	}
	attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV, Propagation: unix.MS_PRIVATE}
	owner, users, err := usersOf(pid)
	if err == nil && users != nil {
		defer users.Close()
		attr.Attr_set |= unix.MOUNT_ATTR_IDMAP
		attr.Userns_fd = uint64(users.Fd())
	}
	if err == nil {
		err = unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH, &attr)
	}
	if err != nil {
		unix.Close(tree)
		return 0, 0, fmt.Errorf("map ids of %s: %w", source, err)
	}
	return tree, owner, nil
}

// usersOf is nil for a sandbox that has the host's ids.
func usersOf(pid string) (owner int, users *os.File, err error) {
	text, err := os.ReadFile("/proc/" + pid + "/uid_map")
	if err != nil {
		return 0, nil, err
	}
	var inside, count int
	if _, err := fmt.Sscan(string(text), &inside, &owner, &count); err != nil {
		return 0, nil, fmt.Errorf("read ids of %s: %w", pid, err)
	}
	if owner == 0 {
		return 0, nil, nil
	}
	users, err = os.Open("/proc/" + pid + "/ns/user")
	return owner, users, err
}

// enterMountsOf makes the sandbox's root this thread's own.
func enterMountsOf(pid string) error {
	mounts, err := os.Open("/proc/" + pid + "/ns/mnt")
	if err != nil {
		return err
	}
	defer mounts.Close()
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return err
	}
	if err := unix.Setns(int(mounts.Fd()), unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("enter the mounts of %s: %w", pid, err)
	}
	return nil
}

func openFolder(name string) (int, error) {
	root, err := unix.Open("/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(root)
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC, Resolve: resolve}
	return unix.Openat2(root, name, &how)
}

// makeFolder opens a folder and makes what is missing on the way to it, as root of the sandbox would.
func makeFolder(name string, owner int) (int, error) {
	at, err := openFolder("/")
	parts := strings.Split(strings.TrimPrefix(name, "/"), "/")
	for i, part := range parts {
		if err != nil {
			return 0, err
		}
		parent := at
		soFar := "/" + strings.Join(parts[:i+1], "/")
		if at, err = openFolder(soFar); errors.Is(err, unix.ENOENT) {
			if err = makeOne(parent, part, owner); err == nil {
				at, err = openFolder(soFar)
			}
		}
		unix.Close(parent)
	}
	return at, err
}

func makeOne(parent int, name string, owner int) error {
	if err := unix.Mkdirat(parent, name, 0o755); err != nil {
		return err
	}
	return unix.Fchownat(parent, name, owner, owner, unix.AT_SYMLINK_NOFOLLOW)
}

func isSame(file int, wanted *unix.Stat_t) bool {
	var found unix.Stat_t
	return unix.Fstat(file, &found) == nil && found.Dev == wanted.Dev && found.Ino == wanted.Ino
}
