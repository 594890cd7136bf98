package main

import (
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

// bound adds what limits user processes to the options of the table. Only in a sandbox: elsewhere the cgroups are
// the host's.
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
	options.OnStarted = a.childSettings(err != nil)
}

// childOomScore makes the kernel's OOM killer prefer what runs in the sandbox to its agent. Raising it needs no
// privilege, and whoever lowers it again comes no lower than the agent itself.
const childOomScore = "500"

// childSettings makes a new process the OOM killer's choice before the agent, where there is such a killer: gVisor's
// kernel has none. Without a cgroup, users but root get a limit of their own.
func (a *agent) childSettings(limitUsers bool) func(int, uint32) {
	hasKiller, limit := a.config.OomGuard != "meminfo", uint64(max(0, a.config.MaxProcesses))
	return func(pid int, uid uint32) {
		if hasKiller {
			_ = os.WriteFile("/proc/"+strconv.Itoa(pid)+"/oom_score_adj", []byte(childOomScore), 0)
		}
		if limitUsers && uid != 0 && limit > 0 {
			_ = unix.Prlimit(pid, unix.RLIMIT_NPROC, &unix.Rlimit{Cur: limit, Max: limit}, nil)
		}
	}
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
