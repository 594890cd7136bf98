// Package cgroup bounds the number of user processes with a cgroup inside the sandbox. The agent stays
// outside of it: a Go program that cannot start a thread dies, and the sandbox with it.
package cgroup

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	mountPoint = "/sys/fs/cgroup"
	groupName  = "atoll-user"
	agentName  = "atoll-agent"
)

// ErrUnavailable means that no cgroup hierarchy in the sandbox can be written.
var ErrUnavailable = errors.New("no writable pids cgroup")

// forker starts a process inside the group.
type forker func(path string, argv []string, attr *syscall.ProcAttr) (int, error)

// Group is the cgroup of all user processes.
type Group struct {
	dir   string
	limit int64
	fork  forker

	mu       sync.Mutex
	holds    int
	released chan struct{}

	storm storm
}

// Create makes the group.
func Create(maxProcesses int64) (*Group, error) {
	if maxProcesses == 0 {
		return nil, ErrUnavailable
	}
	if controllers, err := os.ReadFile(filepath.Join(mountPoint, "cgroup.controllers")); err == nil {
		if !slices.Contains(strings.Fields(string(controllers)), "pids") {
			return nil, ErrUnavailable
		}
		return createV2(ownFolder(), maxProcesses)
	}
	return createV1(filepath.Join(mountPoint, "pids"), maxProcesses)
}

// ownFolder is the group in the v2 hierarchy that belongs to the agent: the root as PID 1, and the one that the init
// program has delegated to an agent which is its unit.
func ownFolder() string {
	lines, err := os.ReadFile("/proc/self/cgroup")
	if err != nil || os.Getpid() == 1 {
		return mountPoint
	}
	return filepath.Join(mountPoint, ownPath(string(lines)))
}

// ownPath finds the path in lines of cgroups(7); that of v2 has the number 0 and no controllers.
func ownPath(lines string) string {
	for line := range strings.Lines(lines) {
		if path, found := strings.CutPrefix(strings.TrimSpace(line), "0::"); found {
			return filepath.Clean("/" + path)
		}
	}
	return "/"
}

// makeGroup makes the folder and sets its limit.
func makeGroup(parent string, limit int64) (*Group, error) {
	dir := filepath.Join(parent, groupName)
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, errors.Join(ErrUnavailable, err)
	}
	group := &Group{dir: dir, limit: limit}
	return group, group.setLimit(limit)
}

// Fork has the signature of syscall.ForkExec.
func (g *Group) Fork(path string, argv []string, attr *syscall.ProcAttr) (int, error) {
	g.awaitRelease()
	return g.fork(path, argv, attr)
}

// Hold makes every fork inside fail until release is called, so that processes which fork faster than they
// can be killed come to an end. Forks of the agent wait meanwhile.
func (g *Group) Hold() (release func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.holds++; g.holds == 1 {
		g.released = make(chan struct{})
		_ = g.setLimit(0)
	}
	return sync.OnceFunc(g.release)
}

func (g *Group) release() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.holds--; g.holds == 0 {
		_ = g.setLimit(g.limit)
		close(g.released)
	}
}

// awaitRelease does not wait forever: a fork that fails is better than a request that hangs.
func (g *Group) awaitRelease() {
	g.mu.Lock()
	released, held := g.released, g.holds > 0
	g.mu.Unlock()
	if !held {
		return
	}
	select {
	case <-released:
	case <-time.After(maxHold):
	}
}

// Crowded tells that user processes are close to their limit.
func (g *Group) Crowded() bool { return g.current() > g.limit/2 }

func (g *Group) setLimit(limit int64) error {
	return writeNumber(filepath.Join(g.dir, "pids.max"), limit)
}

func (g *Group) current() int64 {
	data, err := os.ReadFile(filepath.Join(g.dir, "pids.current"))
	if err != nil {
		return 0
	}
	count, _ := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
	return count
}

func writeNumber(path string, value int64) error {
	return os.WriteFile(path, []byte(strconv.FormatInt(value, 10)), 0)
}
