package cgroup

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// forkThreads is how many forks can be in flight at once.
const forkThreads = 2

type forkJob struct {
	path   string
	argv   []string
	attr   *syscall.ProcAttr
	result chan<- forkResult
}

type forkResult struct {
	pid int
	err error
}

// createV1 uses that v1 groups hold threads: a few threads of the agent join the group and do all the
// forking, so every child is born inside, with no moment in which it could fork outside.
func createV1(parent string, maxProcesses int64) (*Group, error) {
	if _, err := os.Stat(filepath.Join(parent, "tasks")); err != nil {
		return nil, ErrUnavailable
	}
	group, err := makeGroup(parent, maxProcesses+forkThreads)
	if err != nil {
		return nil, err
	}
	jobs := make(chan forkJob)
	for range forkThreads {
		if err := startForkThread(group.dir, jobs); err != nil {
			return nil, err
		}
	}
	group.fork = func(path string, argv []string, attr *syscall.ProcAttr) (int, error) {
		result := make(chan forkResult, 1)
		jobs <- forkJob{path, argv, attr, result}
		done := <-result
		return done.pid, done.err
	}
	return group, nil
}

// startForkThread starts a goroutine that lives as long as the agent. Its thread is locked, so the runtime
// starts no thread from it: new threads of the agent are born outside the group.
func startForkThread(dir string, jobs <-chan forkJob) error {
	joined := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := writeNumber(filepath.Join(dir, "tasks"), int64(unix.Gettid()))
		joined <- err
		if err != nil {
			return
		}
		for job := range jobs {
			pid, err := syscall.ForkExec(job.path, job.argv, job.attr)
			job.result <- forkResult{pid, err}
		}
	}()
	if err := <-joined; err != nil {
		return fmt.Errorf("join %s: %w", dir, err)
	}
	return nil
}
