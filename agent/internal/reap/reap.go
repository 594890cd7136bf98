// Package reap owns wait4 for the whole agent: one reaper collects every child, adopted orphans included.
package reap

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Reaper collects all children of this process. Nothing else may wait: no os/exec, no os.Process.Wait.
type Reaper struct {
	// spawning is held for reading from before a fork until the child is registered, and for writing while
	// children are collected, so a child that ends at once is never collected before anyone waits for it.
	spawning sync.RWMutex

	// OnOrphan, if set before Run, is called for each collected process that Spawn did not start. backlog
	// counts the orphans since there was last nothing to collect; group is the orphan's process group once
	// the backlog is long, else 0.
	OnOrphan func(backlog, group int)
	backlog  int

	mu      sync.Mutex
	waiters map[int]func(syscall.WaitStatus)
}

// New makes a reaper; it collects once Run is called.
func New() *Reaper {
	return &Reaper{waiters: map[int]func(syscall.WaitStatus){}}
}

// Spawn runs fork, which returns the new child's pid, and has onExit called once when that child ended.
func (r *Reaper) Spawn(fork func() (int, error), onExit func(pid int, status syscall.WaitStatus)) (int, error) {
	r.spawning.RLock()
	defer r.spawning.RUnlock()
	pid, err := fork()
	if err != nil {
		return 0, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waiters[pid] = func(status syscall.WaitStatus) { onExit(pid, status) }
	return pid, nil
}

const (
	// collectBatch is how many children are collected before spawns get their turn.
	collectBatch = 64
	// longBacklog of orphans is worth asking each which group it belonged to.
	longBacklog = 32
)

// Run collects children until ctx ends.
func (r *Reaper) Run(ctx context.Context) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGCHLD)
	defer signal.Stop(signals)
	for {
		for r.collectSome() {
		}
		select {
		case <-signals:
		case <-ctx.Done():
			return
		}
	}
}

// collectSome reports whether there may be more.
func (r *Reaper) collectSome() bool {
	r.spawning.Lock()
	defer r.spawning.Unlock()
	for range collectBatch {
		if !r.collectOne() {
			r.backlog = 0
			return false
		}
	}
	return true
}

func (r *Reaper) collectOne() bool {
	wanted, group := -1, 0
	if r.backlog > longBacklog && r.OnOrphan != nil {
		wanted, group = peek()
	}
	var status syscall.WaitStatus
	pid, err := syscall.Wait4(wanted, &status, syscall.WNOHANG, nil)
	if err == syscall.EINTR {
		return true
	}
	if err != nil || pid <= 0 {
		return false
	}
	r.deliver(pid, group, status)
	return true
}

// peek names a child that can be collected and its group, which is known only until then.
func peek() (pid, group int) {
	var info unix.Siginfo
	if err := unix.Waitid(unix.P_ALL, 0, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil); err != nil {
		return -1, 0
	}
	if pid = childOf(&info); pid <= 0 {
		return -1, 0
	}
	group, _ = unix.Getpgid(pid)
	return pid, group
}

// childOf reads si_pid, the first field after the three that all signals have.
func childOf(info *unix.Siginfo) int {
	const offset = 16
	return int(*(*int32)(unsafe.Add(unsafe.Pointer(info), offset)))
}

func (r *Reaper) deliver(pid, group int, status syscall.WaitStatus) {
	r.mu.Lock()
	onExit := r.waiters[pid]
	delete(r.waiters, pid)
	r.mu.Unlock()
	switch {
	case onExit != nil:
		onExit(status)
	case r.OnOrphan != nil:
		r.backlog++
		r.OnOrphan(r.backlog, group)
	}
}

// HasChildren tells whether any child is alive or not yet collected.
func (r *Reaper) HasChildren() bool {
	return unix.Waitid(unix.P_ALL, 0, nil, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil) == nil
}
