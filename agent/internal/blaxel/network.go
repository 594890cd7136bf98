package blaxel

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"atoll.dev/agent/internal/process"
	"atoll.dev/agent/internal/socket"
)

const (
	maxMonitors     = 100
	monitorPause    = time.Second
	callbackTimeout = 10 * time.Second
)

// portView is a connection of a process as the wire has it.
type portView struct {
	PID         int    `json:"pid"`
	Protocol    string `json:"protocol"`
	LocalAddr   string `json:"localAddr"`
	LocalPort   uint16 `json:"localPort"`
	RemoteAddr  string `json:"remoteAddr"`
	RemotePort  uint16 `json:"remotePort"`
	State       string `json:"state"`
	ProcessName string `json:"processName"`
}

func (s *Server) networkRoute(method string, parts []string) handler {
	if len(parts) > 0 && parts[0] == "tunnel" {
		return refuseTunnel
	}
	if len(parts) != 3 || parts[0] != "process" {
		return notFound
	}
	known := map[string]handler{
		"GET ports": s.listPorts, "POST monitor": s.startMonitor, "DELETE monitor": s.stopMonitor,
	}[method+" "+parts[2]]
	if known == nil {
		return notFound
	}
	return known
}

func refuseTunnel(http.ResponseWriter, *request) error {
	return &failure{http.StatusUnprocessableEntity, "WireGuard tunnels belong to the hosted service: network rules and " +
		"exposed ports of this server take their place"}
}

func pidOf(r *request) (int, error) {
	pid, err := strconv.Atoi(r.parts[2])
	if err != nil || pid < 1 {
		return 0, invalid("the pid must be a number")
	}
	return pid, nil
}

func (s *Server) listPorts(w http.ResponseWriter, r *request) error {
	pid, err := pidOf(r)
	if err != nil {
		return err
	}
	members, isThere := s.members(pid)
	if !isThere {
		return &failure{http.StatusUnprocessableEntity, "process not found"}
	}
	return writeJSON(w, http.StatusOK, map[string]any{"pid": pid, "ports": s.portsOf(members)})
}

// members are the pids that a process stands for: with all that it has started where it is one of the table.
func (s *Server) members(pid int) (pids []int, isThere bool) {
	if run := s.runOf(pid); run != nil {
		return run.Members(), true
	}
	_, err := os.Stat(filepath.Join("/proc", strconv.Itoa(pid)))
	return []int{pid}, err == nil
}

func (s *Server) runOf(pid int) *process.Process {
	if one := s.processes.find(strconv.Itoa(pid)); one != nil {
		return one.current()
	}
	return nil
}

func (s *Server) portsOf(members []int) []portView {
	owners, views := socket.Owners(s.user()), []portView{}
	for _, one := range socket.All() {
		owner, known := owners[one.Inode]
		if !known || !slices.Contains(members, owner) {
			continue
		}
		views = append(views, portView{
			PID: owner, Protocol: one.Protocol, State: one.State, ProcessName: nameOf(owner),
			LocalAddr: one.Local.Addr().String(), LocalPort: one.Local.Port(),
			RemoteAddr: one.Remote.Addr().String(), RemotePort: one.Remote.Port(),
		})
	}
	return views
}

func nameOf(pid int) string {
	name, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "comm"))
	return strings.TrimSpace(string(name))
}

// monitors tell addresses when processes open ports. Each ends with its process.
type monitors struct {
	mu   sync.Mutex
	ends map[int]context.CancelFunc
}

func (s *Server) startMonitor(w http.ResponseWriter, r *request) error {
	pid, err := pidOf(r)
	if err != nil {
		return err
	}
	var body struct {
		Callback string `json:"callback"`
	}
	if err := readJSON(w, r, maxJSONBytes, &body); err != nil {
		return err
	}
	if at, err := url.Parse(body.Callback); err != nil || at.Host == "" || (at.Scheme != "http" && at.Scheme != "https") {
		return invalid("callback must be a URL of http or https")
	}
	if _, isThere := s.members(pid); !isThere {
		return &failure{http.StatusUnprocessableEntity, "process not found"}
	}
	ctx, err := s.monitors.begin(pid)
	if err != nil {
		return err
	}
	go s.monitor(ctx, pid, body.Callback)
	return writeJSON(w, http.StatusOK, map[string]string{"message": "Port monitoring started"})
}

// begin ends an earlier monitor of the same process.
func (m *monitors) begin(pid int) (context.Context, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if end := m.ends[pid]; end != nil {
		end()
	} else if len(m.ends) >= maxMonitors {
		return nil, &failure{http.StatusUnprocessableEntity, "too many processes are monitored"}
	}
	ctx, end := context.WithCancel(context.Background())
	m.ends[pid] = end
	return ctx, nil
}

func (m *monitors) end(pid int) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	end := m.ends[pid]
	if end == nil {
		return false
	}
	end()
	delete(m.ends, pid)
	return true
}

func (s *Server) stopMonitor(w http.ResponseWriter, r *request) error {
	pid, err := pidOf(r)
	if err != nil {
		return err
	}
	s.monitors.end(pid)
	return writeJSON(w, http.StatusOK, map[string]string{"message": "Port monitoring stopped"})
}

func (s *Server) monitor(ctx context.Context, pid int, callback string) {
	ticker := time.NewTicker(monitorPause)
	defer ticker.Stop()
	known := map[uint16]bool{}
	for ctx.Err() == nil {
		members, isThere := s.members(pid)
		if !isThere || len(members) == 0 {
			s.monitors.end(pid)
			return
		}
		for _, port := range s.portsOf(members) {
			if port.State == socket.Listen && !known[port.LocalPort] {
				known[port.LocalPort] = true
				call(ctx, callback, map[string]int{"pid": pid, "port": int(port.LocalPort)})
			}
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
		}
	}
}

// call tells an address something. Who does not listen misses it.
func call(ctx context.Context, callback string, what map[string]int) {
	limited, cancel := context.WithTimeout(ctx, callbackTimeout)
	defer cancel()
	body, _ := json.Marshal(what)
	request, err := http.NewRequestWithContext(limited, http.MethodPost, callback, bytes.NewReader(body))
	if err != nil {
		return
	}
	request.Header.Set("Content-Type", "application/json")
	if response, err := http.DefaultClient.Do(request); err == nil {
		_ = response.Body.Close()
	}
}
