package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// stage is where everything comes together. Directories above it can be searched by anyone, which the folders of the
// server cannot: inside its user namespace the runtime is an ordinary user of the host. Only this namespace sees it.
const stage = "/mnt"

// layOut makes stage/rootfs, stage/agent, stage/identity and stage/sys in a new mount namespace.
func layOut(p *plan) error {
	if err := enterMountNamespace(p.Hide); err != nil {
		return err
	}
	users, err := openUserNamespace(p.IDMap)
	if err != nil {
		return err
	}
	defer users.close()
	if err := mountRoot(p, users); err != nil {
		return err
	}
	if err := users.cloneTo(p.Identity, filepath.Join(stage, "identity")); err != nil {
		return err
	}
	if err := users.cloneTo(p.Agent, filepath.Join(stage, "agent")); err != nil {
		return err
	}
	if err := showMounts(p.Mounts, users); err != nil {
		return err
	}
	return mountSysfs(p.Netns)
}

// showMounts shows each source with the sandbox's ids. Overlays cannot be mapped: their files belong to nobody inside.
func showMounts(sources []string, users *userNamespace) error {
	for i, source := range sources {
		if source == "" {
			continue
		}
		target := filepath.Join(stage, "mount", fmt.Sprint(i))
		err := users.cloneTo(source, target)
		if errors.Is(err, unix.EINVAL) {
			err = (&userNamespace{}).cloneTo(source, target)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// enterMountNamespace keeps receiving what the host unmounts, so that this namespace holds no file system in use.
func enterMountNamespace(hide []string) error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("new mount namespace: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
		return fmt.Errorf("detach mounts from the host: %w", err)
	}
	for _, path := range hide {
		if err := unix.Unmount(path, unix.MNT_DETACH); err != nil {
			return fmt.Errorf("hide %s: %w", path, err)
		}
	}
	if err := os.MkdirAll(stage, 0o755); err != nil {
		return err
	}
	if err := unix.Mount("tmpfs", stage, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=711,size=1m"); err != nil {
		return fmt.Errorf("mount %s: %w", stage, err)
	}
	return nil
}

func mountRoot(p *plan, users *userNamespace) error {
	lowers := make([]string, len(p.Lowers))
	for i, layer := range p.Lowers {
		target := filepath.Join(stage, "lower", fmt.Sprint(i))
		if err := users.cloneTo(layer, target); err != nil {
			return err
		}
		lowers[len(lowers)-1-i] = target
	}
	disk, err := mountDisk(p)
	if err != nil {
		return err
	}
	rootfs := filepath.Join(stage, "rootfs")
	if err := os.MkdirAll(rootfs, 0o755); err != nil {
		return err
	}
	options := "lowerdir=" + strings.Join(lowers, ":") +
		",upperdir=" + disk + "/upper,workdir=" + disk + "/work,redirect_dir=nofollow,metacopy=off"
	// Layers are what strangers packed: a device node among them is a file like any other and opens no device.
	if err := unix.Mount("overlay", rootfs, "overlay", unix.MS_NODEV, options); err != nil {
		return fmt.Errorf("mount overlay of %d layers: %w", len(lowers), err)
	}
	return nil
}

// mountDisk shows the disk as it is: overlayfs writes to it as root of the host, whom the mapping does not know. So what
// the sandbox writes is stored under the ids that it has on the host.
func mountDisk(p *plan) (string, error) {
	disk := filepath.Join(stage, "disk")
	if err := (&userNamespace{}).cloneTo(p.Disk, disk); err != nil {
		return "", err
	}
	if p.IDMap == nil {
		return disk, nil
	}
	return disk, os.Chown(filepath.Join(disk, "upper"), p.IDMap.HostID, p.IDMap.HostID)
}

// mountSysfs mounts it from inside the sandbox's network namespace, as sysfs shows the devices of who mounts it.
func mountSysfs(netns string) error {
	target := filepath.Join(stage, "sys")
	if err := os.MkdirAll(target, 0o755); err != nil {
		return err
	}
	if err := enterNetns(netns); err != nil {
		return err
	}
	flags := uintptr(unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_RDONLY)
	if err := unix.Mount("sysfs", target, "sysfs", flags, ""); err != nil {
		return fmt.Errorf("mount sysfs: %w", err)
	}
	return nil
}

func enterNetns(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := unix.Setns(int(file.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("enter %s: %w", path, err)
	}
	return nil
}
