// Package socket tells which processes of the sandbox have which network connections open.
package socket

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"atoll.dev/agent/internal/account"
)

// Listen is the state of a TCP socket that waits for connections.
const Listen = "LISTEN"

var tables = []string{"tcp", "tcp6", "udp", "udp6"}

// states are those of include/net/tcp_states.h, by their number.
var states = map[string]string{
	"01": "ESTABLISHED", "02": "SYN_SENT", "03": "SYN_RECV", "04": "FIN_WAIT1", "05": "FIN_WAIT2", "06": "TIME_WAIT",
	"07": "CLOSE", "08": "CLOSE_WAIT", "09": "LAST_ACK", "0A": Listen, "0B": "CLOSING",
}

// Socket is one line of the kernel's tables.
type Socket struct {
	Protocol      string
	Local, Remote netip.AddrPort
	State         string
	Inode         uint64
}

// IsRoutable is false for what only the loopback reaches.
func (s Socket) IsRoutable() bool { return !s.Local.Addr().Unmap().IsLoopback() }

// All reads the sockets of the sandbox.
func All() []Socket { return allIn("/proc/net") }

func allIn(folder string) (sockets []Socket) {
	for _, name := range tables {
		file, err := os.Open(filepath.Join(folder, name))
		if err != nil {
			continue
		}
		for lines := bufio.NewScanner(file); lines.Scan(); {
			if socket, ok := parse(lines.Text()); ok {
				socket.Protocol = strings.TrimSuffix(name, "6")
				sockets = append(sockets, socket)
			}
		}
		_ = file.Close()
	}
	return sockets
}

// parse reads a line: number, local and remote address, state, and the inode as the tenth field.
func parse(line string) (Socket, bool) {
	fields := strings.Fields(line)
	if len(fields) < 10 {
		return Socket{}, false
	}
	local, isLocal := addressOf(fields[1])
	remote, isRemote := addressOf(fields[2])
	inode, err := strconv.ParseUint(fields[9], 10, 64)
	return Socket{Local: local, Remote: remote, State: states[fields[3]], Inode: inode}, isLocal && isRemote && err == nil
}

// addressOf reads an address as the kernel prints it: words in the machine's byte order, each as a number.
func addressOf(text string) (netip.AddrPort, bool) {
	digits, port, found := strings.Cut(text, ":")
	bytes, err := hex.DecodeString(digits)
	number, portErr := strconv.ParseUint(port, 16, 16)
	if !found || err != nil || portErr != nil || len(bytes)%4 != 0 {
		return netip.AddrPort{}, false
	}
	for at := 0; at < len(bytes); at += 4 {
		binary.NativeEndian.PutUint32(bytes[at:], binary.BigEndian.Uint32(bytes[at:]))
	}
	address, ok := netip.AddrFromSlice(bytes)
	return netip.AddrPortFrom(address, uint16(number)), ok
}

// Owners tells the processes that have sockets open, by their inodes. A process is looked at as root and, because root
// may not be allowed to everywhere, as the given user.
func Owners(as account.Credential) map[uint64]int {
	owners := map[uint64]int{}
	addOwners(owners)
	_ = as.ActAs(func() error {
		addOwners(owners)
		return nil
	})
	return owners
}

func addOwners(owners map[uint64]int) {
	links, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, link := range links {
		target, err := os.Readlink(link)
		digits, isSocket := strings.CutPrefix(target, "socket:[")
		if err != nil || !isSocket {
			continue
		}
		inode, err := strconv.ParseUint(strings.TrimSuffix(digits, "]"), 10, 64)
		pid, _ := strconv.Atoi(strings.Split(link, "/")[2])
		if err == nil {
			owners[inode] = pid
		}
	}
}
