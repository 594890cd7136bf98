package main

import (
	"os"
	"syscall"
	"time"

	"atoll.dev/agent/internal/boot"
)

const shutdownPoll = 10 * time.Millisecond

// shutDown asks everything to end, waits for the grace period, and ends what is left.
func (a *agent) shutDown() {
	stopSignal, err := boot.ParseSignal(a.config.StopSignal)
	if err != nil {
		stopSignal = syscall.SIGTERM
	}
	a.signalAll(stopSignal)
	deadline := time.Now().Add(time.Duration(a.config.StopGraceMs) * time.Millisecond)
	for a.anyRunning() && time.Now().Before(deadline) {
		time.Sleep(shutdownPoll)
	}
	a.killAll()
}

// signalAll reaches every process of the sandbox as PID 1; elsewhere -1 would be every process of the host.
func (a *agent) signalAll(signal syscall.Signal) {
	if os.Getpid() == 1 {
		_ = syscall.Kill(-1, signal)
		return
	}
	a.table.SignalAll(signal)
}

func (a *agent) killAll() {
	if os.Getpid() == 1 {
		_ = syscall.Kill(-1, syscall.SIGKILL)
		return
	}
	a.table.KillAll()
}

// anyRunning asks the kernel as PID 1, which all orphans belong to.
func (a *agent) anyRunning() bool {
	if os.Getpid() == 1 {
		return a.reaper.HasChildren()
	}
	return a.table.AnyRunning()
}
