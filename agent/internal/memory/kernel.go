package memory

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"atoll.dev/agent/internal/event"
)

const (
	kernelPoll = 250 * time.Millisecond
	// claimWindow is how long after a kill by the kernel an exit by SIGKILL may be its.
	claimWindow = time.Second
)

// KernelKills counts what the kernel killed for memory in the sandbox's own cgroup, where the kernel is the
// guard. Exits claim the kills that were theirs; what nobody claims was some descendant and is only reported.
type KernelKills struct {
	path   string
	events *event.Hub

	mu        sync.Mutex
	seen      int64
	unclaimed []time.Time
}

// NewKernelKills finds the counter, or returns nil where there is none.
func NewKernelKills(events *event.Hub) *KernelKills {
	for _, path := range counterPaths() {
		if count, ok := readCounter(path); ok {
			return &KernelKills{path: path, events: events, seen: count}
		}
	}
	return nil
}

// counterPaths lists the agent's own cgroup first, then the root of the mount, which is the same cgroup
// seen from inside a cgroup namespace.
func counterPaths() []string {
	v1, v2 := "/", "/"
	data, _ := os.ReadFile("/proc/self/cgroup")
	for _, line := range strings.Split(string(data), "\n") {
		fields := strings.SplitN(line, ":", 3)
		switch {
		case len(fields) < 3:
		case fields[1] == "":
			v2 = fields[2]
		case fields[1] == "memory":
			v1 = fields[2]
		}
	}
	const mount = "/sys/fs/cgroup"
	return []string{
		filepath.Join(mount, "memory", v1, "memory.oom_control"),
		filepath.Join(mount, "memory/memory.oom_control"),
		filepath.Join(mount, v2, "memory.events"),
		filepath.Join(mount, "memory.events"),
	}
}

// readCounter reads the line "oom_kill N", which both cgroup versions have.
func readCounter(path string) (int64, bool) {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, false
	}
	for _, line := range bytes.Split(data, []byte{'\n'}) {
		if value, found := bytes.CutPrefix(line, []byte("oom_kill ")); found {
			count, err := strconv.ParseInt(string(bytes.TrimSpace(value)), 10, 64)
			return count, err == nil
		}
	}
	return 0, false
}

// Run keeps the times of kills and reports the unclaimed ones until ctx ends.
func (k *KernelKills) Run(ctx context.Context) {
	ticker := time.NewTicker(kernelPoll)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			for range k.expire() {
				k.events.Publish(event.Event{
					Event: "oom", TimestampMs: time.Now().UnixMilli(), Reason: "process",
				})
			}
		case <-ctx.Done():
			return
		}
	}
}

// Claim tells whether a process that just died of SIGKILL was killed by the kernel for memory.
func (k *KernelKills) Claim() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.countLocked()
	if len(k.unclaimed) == 0 {
		return false
	}
	k.unclaimed = k.unclaimed[1:]
	return true
}

func (k *KernelKills) countLocked() {
	count, ok := readCounter(k.path)
	for ; ok && k.seen < count; k.seen++ {
		k.unclaimed = append(k.unclaimed, time.Now())
	}
}

func (k *KernelKills) expire() (expired int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.countLocked()
	for len(k.unclaimed) > 0 && time.Since(k.unclaimed[0]) > claimWindow {
		k.unclaimed = k.unclaimed[1:]
		expired++
	}
	return expired
}
