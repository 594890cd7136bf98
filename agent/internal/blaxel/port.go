package blaxel

import (
	"context"
	"slices"
	"time"

	"atoll.dev/agent/internal/process"
	"atoll.dev/agent/internal/socket"
)

// portPoll is how often ports are looked at: the kernel tells nobody when one opens.
const portPoll = 200 * time.Millisecond

// waitForPorts returns when the process, or one that it has started, listens on all ports on a routable address, or
// when it has ended.
func (s *Server) waitForPorts(ctx context.Context, one *entry, ports []int) error {
	ticker := time.NewTicker(portPoll)
	defer ticker.Stop()
	for {
		if s.listensOn(one.current(), ports) || !(one.current().Running() || isRestarting(one)) {
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// listensOn looks for who listens only once something does.
func (s *Server) listensOn(run *process.Process, ports []int) bool {
	listening := listeningOn(ports)
	for _, port := range ports {
		if len(listening[port]) == 0 {
			return false
		}
	}
	owners, members := socket.Owners(s.user()), run.Members()
	for _, port := range ports {
		if !slices.ContainsFunc(listening[port], func(inode uint64) bool { return isOf(inode, owners, members) }) {
			return false
		}
	}
	return true
}

// isOf gives a socket whose process may not be looked at the benefit of the doubt.
func isOf(inode uint64, owners map[uint64]int, members []int) bool {
	owner, known := owners[inode]
	return !known || slices.Contains(members, owner)
}

// listeningOn tells the sockets that listen on routable addresses, by port.
func listeningOn(ports []int) map[int][]uint64 {
	inodes := map[int][]uint64{}
	for _, one := range socket.All() {
		port := int(one.Local.Port())
		if one.State == socket.Listen && one.IsRoutable() && slices.Contains(ports, port) {
			inodes[port] = append(inodes[port], one.Inode)
		}
	}
	return inodes
}
