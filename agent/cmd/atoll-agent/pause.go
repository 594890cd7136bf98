package main

import "syscall"

// pauseCommand as the only argument makes the agent hold a prepared sandbox open and do nothing else.
const pauseCommand = "pause"

// pause sleeps until a signal ends the process: nothing is left to clean.
func pause() {
	for {
		_ = syscall.Pause()
	}
}
