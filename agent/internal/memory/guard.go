package memory

import (
	"context"
	"fmt"
	"log"
	"syscall"
	"time"

	"atoll.dev/agent/internal/event"
)

const (
	minInterval = 20 * time.Millisecond
	maxInterval = time.Second
	// fillBytesPerSecond is how fast a process can eat memory; nothing gets from the last look to empty faster.
	fillBytesPerSecond = 1_500_000_000

	reserveBytes   = 24 << 20
	reservePercent = 4
	// growthBytes is the least growth between two looks that makes a process the cause of a shortage.
	growthBytes = 4 << 20

	killWait = 500 * time.Millisecond
	// settleTime is how long after a kill the counters may still show the memory as used.
	settleTime     = 500 * time.Millisecond
	reportInterval = 30 * time.Second
)

// Guard kills the process that explains a shortage before the host's limit ends the whole sandbox. What no
// process explains (files in memory, the runtime's own needs) it only reports: killing would not help.
type Guard struct {
	Events *event.Hub
	// Mark is told of each process before it is killed and returns the handle it belongs to, or 0.
	Mark func(pid int) int64

	reportedAt     time.Time
	reportedReason string
	killedAt       time.Time
	previous       map[int]int64
	previousFree   int64
}

// Run watches until ctx ends.
func (g *Guard) Run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			timer.Reset(g.look())
		case <-ctx.Done():
			return
		}
	}
}

// look returns how long until the next look.
func (g *Guard) look() time.Duration {
	info, err := ReadInfo()
	if err != nil {
		return maxInterval
	}
	if shortage := info.shortage(); shortage > 0 {
		g.relieve(info, shortage)
		return minInterval
	}
	g.previous, g.previousFree = nil, info.AvailableBytes
	if info.AvailableBytes < 2*info.reserve() {
		g.previous = residentSizes()
	}
	return interval(info.AvailableBytes - info.reserve())
}

func interval(roomBytes int64) time.Duration {
	wait := time.Duration(float64(roomBytes) / fillBytesPerSecond * float64(time.Second))
	return min(maxInterval, max(minInterval, wait))
}

func (i Info) reserve() int64 { return max(reserveBytes, i.TotalBytes*reservePercent/100) }

func (i Info) shortage() int64 { return i.reserve() - i.AvailableBytes }

func (g *Guard) relieve(info Info, shortage int64) {
	sizes := residentSizes()
	victim, reason := g.choose(info, shortage, sizes)
	g.previous, g.previousFree = sizes, info.AvailableBytes
	if victim == 0 {
		g.report(reason, info)
		return
	}
	g.kill(victim, sizes[victim])
}

// choose returns the process to kill, or 0 and what holds the memory instead.
func (g *Guard) choose(info Info, shortage int64, sizes map[int]int64) (int, string) {
	victim, total := 0, int64(0)
	for pid, size := range sizes {
		total += size
		if size > sizes[victim] {
			victim = pid
		}
	}
	overhead := info.TotalBytes - info.AvailableBytes - info.ShmemBytes - total
	reason, other := "tmpfs_full", info.ShmemBytes
	if overhead > other {
		reason, other = "sentry_overhead", overhead
	}
	if size := sizes[victim]; size >= shortage && (size >= other || g.isCause(victim, size, info)) {
		return victim, ""
	}
	return 0, reason
}

// isCause is true of a process that took most of what went away since the last look.
func (g *Guard) isCause(pid int, size int64, info Info) bool {
	before, known := g.previous[pid]
	grown, gone := size-before, g.previousFree-info.AvailableBytes
	return known && grown >= growthBytes && grown >= gone/2
}

func (g *Guard) kill(pid int, size int64) {
	handle := g.Mark(pid)
	defer func() { g.killedAt = time.Now() }()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return
	}
	log.Printf("memory is short: killed process %d, which held %d MiB", pid, size>>20)
	g.Events.Publish(event.Event{
		Event: "oom", TimestampMs: time.Now().UnixMilli(), PID: pid, Handle: handle, Reason: "process",
	})
	for deadline := time.Now().Add(killWait); residentSize(pid) > 0 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
}

func (g *Guard) report(reason string, info Info) {
	if time.Since(g.killedAt) < settleTime {
		return
	}
	if reason == g.reportedReason && time.Since(g.reportedAt) < reportInterval {
		return
	}
	g.reportedReason, g.reportedAt = reason, time.Now()
	detail := fmt.Sprintf("%d MiB of %d MiB available, %d MiB in tmpfs",
		info.AvailableBytes>>20, info.TotalBytes>>20, info.ShmemBytes>>20)
	log.Printf("memory is short: %s: %s", reason, detail)
	g.Events.Publish(event.Event{
		Event: "oom", TimestampMs: time.Now().UnixMilli(), Reason: reason, Detail: detail,
	})
}
