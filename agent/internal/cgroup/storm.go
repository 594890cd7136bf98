package cgroup

import (
	"log"
	"os"
	"syscall"
	"time"
)

const (
	// stormBacklog of orphans that end faster than they are collected, in a crowded group, is a fork bomb.
	stormBacklog = 100
	maxHold      = 8 * time.Second
	holdPoll     = 50 * time.Millisecond
)

// storm recognises a fork bomb that does not stop at the limit: its processes fail to fork, end, and make
// room for those of their siblings, for ever. In gVisor what ended but is not yet collected does not count
// against the limit, so it would pile up until the runtime itself dies.
type storm struct {
	// orphans counts those of the present backlog by process group.
	orphans map[int]int
	holding bool
}

// OrphanCollected is told by the reaper of each ended process that nobody waited for.
func (g *Group) OrphanCollected(backlog, group int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := &g.storm
	if backlog == 1 || s.orphans == nil {
		s.orphans = map[int]int{}
	}
	s.orphans[group]++
	if s.holding || backlog%stormBacklog != 0 || !g.Crowded() {
		return
	}
	s.holding = true
	go g.calm(s.culprit())
}

// culprit is the process group of most orphans, or 0.
func (s *storm) culprit() int {
	worst, most := 0, 0
	for group, count := range s.orphans {
		if group > 1 && group != os.Getpid() && count > most {
			worst, most = group, count
		}
	}
	return worst
}

// calm kills the culprit with all forks held: otherwise a kill of the group misses what is being forked.
func (g *Group) calm(culprit int) {
	log.Printf("fork bomb: ending process group %d", culprit)
	release := g.Hold()
	defer release()
	for held := time.Duration(0); held == 0 || (g.Crowded() && held < maxHold); held += holdPoll {
		if culprit > 1 {
			_ = syscall.Kill(-culprit, syscall.SIGKILL)
		}
		time.Sleep(holdPoll)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.storm.holding, g.storm.orphans = false, nil
}
