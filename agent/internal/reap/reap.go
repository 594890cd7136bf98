// Package reap owns wait4 for the whole agent: one reaper collects every child, adopted orphans included.
package reap

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Reaper collects all children of this process. Nothing else may wait: no os/exec, no os.Process.Wait.
type Reaper struct {
	// spawning is held for reading from before a fork until the child is registered, and for writing while
	// children are collected, so a child that ends at once is never collected before anyone waits for it.
	spawning sync.RWMutex

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

// Run collects children until ctx ends.
func (r *Reaper) Run(ctx context.Context) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGCHLD)
	defer signal.Stop(signals)
	for {
		r.collect()
		select {
		case <-signals:
		case <-ctx.Done():
			return
		}
	}
}

func (r *Reaper) collect() {
	r.spawning.Lock()
	defer r.spawning.Unlock()
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		if err == syscall.EINTR {
			continue
		}
		if err != nil || pid <= 0 {
			return
		}
		r.deliver(pid, status)
	}
}

func (r *Reaper) deliver(pid int, status syscall.WaitStatus) {
	r.mu.Lock()
	onExit := r.waiters[pid]
	delete(r.waiters, pid)
	r.mu.Unlock()
	if onExit != nil {
		onExit(status)
	}
}

// HasChildren tells whether any child is alive or not yet collected.
func (r *Reaper) HasChildren() bool {
	return unix.Waitid(unix.P_ALL, 0, nil, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil) == nil
}
