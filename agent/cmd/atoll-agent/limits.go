package main

import (
	"bytes"
	"context"
	"errors"
	"log"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"atoll.dev/agent/internal/cgroup"
	"atoll.dev/agent/internal/memory"
	"atoll.dev/agent/internal/process"
)

// bound adds what limits user processes to the options of the table. Only as PID 1 of a sandbox: elsewhere
// the cgroups are the host's.
func (a *agent) bound(options *process.Options) {
	if !isolated(a.config) {
		return
	}
	group, err := cgroup.Create(a.config.MaxProcesses)
	if err != nil && !errors.Is(err, cgroup.ErrUnavailable) {
		log.Printf("process limit: %v", err)
	}
	if err == nil {
		options.Fork, options.Gate = group.Fork, group
		a.reaper.OnOrphan = group.OrphanCollected
	}
	options.OnStarted = childSettings(ownOomScore() != 0, err != nil, a.config.MaxProcesses)
}

// childSettings gives a new process back what the agent has for itself alone: its protection from the
// kernel's OOM killer. Without a cgroup, users but root get a limit of their own.
func childSettings(resetOomScore, limitUsers bool, maxProcesses int64) func(int, uint32) {
	return func(pid int, uid uint32) {
		if resetOomScore {
			_ = os.WriteFile("/proc/"+strconv.Itoa(pid)+"/oom_score_adj", []byte("0"), 0)
		}
		if limitUsers && uid != 0 && maxProcesses > 0 {
			limit := unix.Rlimit{Cur: uint64(maxProcesses), Max: uint64(maxProcesses)}
			_ = unix.Prlimit(pid, unix.RLIMIT_NPROC, &limit, nil)
		}
	}
}

func ownOomScore() int {
	data, err := os.ReadFile("/proc/self/oom_score_adj")
	if err != nil {
		return 0
	}
	score, _ := strconv.Atoi(string(bytes.TrimSpace(data)))
	return score
}

// guardMemory starts what the driver asked for; it ends with ctx.
func (a *agent) guardMemory(ctx context.Context) {
	switch a.config.OomGuard {
	case "meminfo":
		guard := &memory.Guard{Events: a.events, Mark: a.table.MarkOomKilled}
		go guard.Run(ctx)
	case "cgroup":
		if a.kernelKills != nil {
			go a.kernelKills.Run(ctx)
		}
	}
}
