// Command atoll-idmap lays out the files of a native sandbox and then becomes the OCI runtime that starts it.
//
// It works in a mount namespace of its own, so nothing that it mounts is seen by the host or outlives the sandbox:
// the layers are cloned with the ids of the sandbox's user namespace, and an overlay of them and of a private disk is
// the root file system. The layers keep their owners, and no two sandboxes have an id in common.
//
//	atoll-idmap PLAN.json RUNTIME [ARGUMENT...]
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// plan says what to lay out. The server writes it.
type plan struct {
	// Netns is the sandbox's network namespace; its sysfs shows no other network.
	Netns string `json:"netns"`
	// IDMap is absent for a sandbox without a user namespace.
	IDMap *idMap `json:"idMap"`
	// Lowers are the layers of the image, lowest first.
	Lowers []string `json:"lowers"`
	// Disk is a directory with `upper` and `work`, on a file system of the sandbox's own.
	Disk     string `json:"disk"`
	Agent    string `json:"agent"`
	Identity string `json:"identity"`
	// Hide are mount points that the runtime must not see.
	Hide []string `json:"hide"`
	// Mounts are sources of further mounts, shown under their numbers; "" is one without a source.
	Mounts []string `json:"mounts"`
	// OomScoreAdj and OpenFiles are set here, as inside its user namespace the runtime may not.
	OomScoreAdj int    `json:"oomScoreAdj"`
	OpenFiles   uint64 `json:"openFiles"`
}

type idMap struct {
	HostID int `json:"hostId"`
	Count  int `json:"count"`
}

func main() {
	// Namespaces belong to a thread; the one that lays out is the one that becomes the runtime.
	runtime.LockOSThread()
	if err := launch(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "atoll-idmap: %v\n", err)
		if errors.Is(err, unix.EBUSY) {
			os.Exit(busyExitCode)
		}
		os.Exit(1)
	}
}

func launch(args []string) error {
	if len(args) == 1 && args[0] == waitVerb {
		return waitForEnd()
	}
	if len(args) == 4 && args[0] == attachVerb || len(args) == 5 && args[0] == detachVerb {
		return changeMounts(args)
	}
	if len(args) < 2 {
		return fmt.Errorf("usage: atoll-idmap PLAN.json RUNTIME [ARGUMENT...]")
	}
	runtimePath, err := exec.LookPath(args[1])
	if err != nil {
		return err
	}
	p, err := readPlan(args[0])
	if err != nil {
		return err
	}
	if err := layOut(p); err != nil {
		return err
	}
	if err := setLimits(p); err != nil {
		return err
	}
	return syscall.Exec(runtimePath, args[1:], os.Environ())
}

// setLimits does what it may: a server that runs without CAP_SYS_RESOURCE keeps the limits that it has itself.
func setLimits(p *plan) error {
	files := unix.Rlimit{Cur: p.OpenFiles, Max: p.OpenFiles}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &files); err != nil && !errors.Is(err, os.ErrPermission) {
		return fmt.Errorf("allow %d open files: %w", p.OpenFiles, err)
	}
	score := fmt.Sprint(p.OomScoreAdj)
	err := os.WriteFile("/proc/self/oom_score_adj", []byte(score), 0o644)
	if err != nil && !errors.Is(err, os.ErrPermission) {
		return err
	}
	return nil
}

func readPlan(path string) (*plan, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	p := &plan{}
	if err := json.Unmarshal(text, p); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if len(p.Lowers) == 0 {
		return nil, fmt.Errorf("%s names no layers", path)
	}
	return p, nil
}
