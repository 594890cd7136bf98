package api

import (
	"context"
	"log"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"atoll.dev/agent/internal/account"
	"atoll.dev/agent/internal/blaxel"
	"atoll.dev/agent/internal/boot"
	"atoll.dev/agent/internal/build"
	"atoll.dev/agent/internal/event"
	"atoll.dev/agent/internal/file"
	"atoll.dev/agent/internal/journal"
	"atoll.dev/agent/internal/process"
	"atoll.dev/agent/internal/supervise"
	"atoll.dev/agent/internal/terminal"
)

// Generation numbers this HTTP surface. The server adapts to older agents, which live on in checkpoints.
const Generation = 1

// Version is the agent's own, shown by info.
const Version = "0.1.0"

const (
	maxHeaderBytes    = 64 << 10
	readHeaderTimeout = 10 * time.Second
	idleTimeout       = 5 * time.Minute
	tokenHeader       = "X-Atoll-Token"
)

// Options is what the surface serves.
type Options struct {
	Identity   *boot.Identity
	Accounts   *account.Directory
	Table      *process.Table
	Supervisor *supervise.Supervisor
	Files      *file.System
	Terminals  *terminal.Sessions
	Events     *event.Hub
	Journal    *journal.Journal
	// Builds is nil where no builders are expected.
	Builds *build.Sessions
	// Sandbox is the other dialect of the data plane.
	Sandbox   *blaxel.Server
	StartedAt time.Time
	// Patience is how long one who follows output may take nothing; 0 is any time.
	Patience time.Duration
}

// NewServer makes the HTTP server. There is no write timeout: streams last as long as processes do.
func NewServer(options Options) *http.Server {
	return &http.Server{
		Handler:           authenticated(options.Identity, routes(options)),
		MaxHeaderBytes:    maxHeaderBytes,
		ReadHeaderTimeout: readHeaderTimeout,
		IdleTimeout:       idleTimeout,
		ErrorLog:          log.Default(),
		BaseContext:       func(net.Listener) context.Context { return context.Background() },
	}
}

func routes(options Options) http.Handler {
	mux := http.NewServeMux()
	processes := &processRoutes{
		table: options.Table, supervisor: options.Supervisor, accounts: options.Accounts, patience: options.Patience,
	}
	files := &fileRoutes{files: options.Files, accounts: options.Accounts}
	status := &statusRoutes{table: options.Table, startedAt: options.StartedAt}
	events := &eventRoutes{
		events: options.Events, identity: options.Identity, builds: options.Builds, holds: options.Sandbox.Holds(),
	}
	journals := &journalRoutes{journal: options.Journal}
	builds := &buildRoutes{sessions: options.Builds}
	restored := &restoredRoutes{identity: options.Identity, table: options.Table, journal: options.Journal}
	terminals := &ptyRoutes{sessions: options.Terminals, accounts: options.Accounts}
	sessions := &sessionRoutes{table: options.Table, accounts: options.Accounts}
	listens := &listenRoutes{waiting: map[string]net.Conn{}}
	for pattern, route := range map[string]handler{
		"GET /api/v1/health":                              status.health,
		"GET /api/v1/info":                                status.info,
		"GET /api/v1/processes":                           processes.list,
		"POST /api/v1/processes":                          processes.start,
		"POST /api/v1/processes/run":                      processes.run,
		"GET /api/v1/processes/{process}":                 processes.get,
		"DELETE /api/v1/processes/{process}":              processes.kill,
		"POST /api/v1/processes/{process}/signal":         processes.signal,
		"POST /api/v1/processes/{process}/restart":        processes.restart,
		"POST /api/v1/processes/{process}/stdin":          processes.writeStdin,
		"POST /api/v1/processes/{process}/stdin/close":    processes.closeStdin,
		"GET /api/v1/processes/{process}/{stream}":        processes.output,
		"GET /api/v1/processes/{process}/{stream}/follow": processes.follow,
		"POST /api/v1/pty":                                terminals.open,
		"GET /api/v1/pty":                                 terminals.list,
		"GET /api/v1/pty/{session}":                       terminals.get,
		"DELETE /api/v1/pty/{session}":                    terminals.terminate,
		"POST /api/v1/pty/{session}/resize":               terminals.resize,
		"GET /api/v1/pty/{session}/ws":                    terminals.attach,
		"GET /api/v1/tunnels/tcp":                         openTunnel,
		"GET /api/v1/files":                               files.read,
		"PUT /api/v1/files":                               files.write,
		"DELETE /api/v1/files":                            files.remove,
		"GET /api/v1/files/list":                          files.list,
		"GET /api/v1/files/stat":                          files.stat,
		"GET /api/v1/files/tree":                          files.tree,
		"GET /api/v1/files/find":                          files.find,
		"GET /api/v1/files/search":                        files.search,
		"GET /api/v1/files/watch":                         files.watch,
		"GET /api/v1/files/archive":                       files.download,
		"PUT /api/v1/files/archive":                       files.upload,
		"POST /api/v1/files/mkdir":                        files.mkdir,
		"POST /api/v1/files/move":                         files.move,
		"POST /api/v1/files/copy":                         files.copy,
		"POST /api/v1/files/attributes":                   files.setAttributes,
		"GET /internal/v1/stats":                          status.stats,
		"POST /internal/v1/restored":                      restored.restored,
		"POST /internal/v1/bind":                          bindMount,
		"POST /internal/v1/unbind":                        unbindMount,
		"GET /internal/v1/mount-users":                    listMountUsers,
		"GET /internal/v1/events":                         events.stream,
		"GET /internal/v1/logs":                           journals.stream,
		"GET /internal/v1/builds/{session}":               builds.fetch,
		"POST /internal/v1/builds/{session}":              builds.reply,
		"GET /internal/v1/connect":                        connect,
		"GET /internal/v1/session":                        sessions.serve,
		"GET /internal/v1/listen":                         listens.listen,
		"GET /internal/v1/accepted/{connection}":          listens.accept,
		"/":                                               notFound,
	} {
		mux.Handle(pattern, handle(route))
	}
	return dialects(mux, options.Sandbox)
}

// sandboxAPI is what stands before the paths of the other dialect. They never meet the mux, which would clean them: there
// a doubled or an encoded slash means something.
const sandboxAPI = "/blaxel"

func dialects(mux http.Handler, sandbox *blaxel.Server) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, _, _ := strings.Cut(r.RequestURI, "?")
		if raw, found := strings.CutPrefix(path, sandboxAPI+"/"); found {
			sandbox.ServeRaw(w, r, "/"+raw)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func notFound(_ http.ResponseWriter, r *http.Request) error {
	return &failure{http.StatusNotFound, "NOT_FOUND", "no route " + r.Method + " " + r.URL.Path}
}

// authenticated admits only callers with this incarnation's token.
func authenticated(identity *boot.Identity, next http.Handler) http.Handler {
	return handle(func(w http.ResponseWriter, r *http.Request) error {
		if !identity.AcceptsToken(r.Header.Get(tokenHeader)) {
			return &failure{http.StatusUnauthorized, "UNAUTHORIZED", "missing or wrong " + tokenHeader}
		}
		next.ServeHTTP(w, r)
		return nil
	})
}

// Guard closes connections from addresses that the identity does not admit.
func Guard(listener net.Listener, identity *boot.Identity) net.Listener {
	return &guardedListener{Listener: listener, identity: identity}
}

type guardedListener struct {
	net.Listener
	identity *boot.Identity
}

func (g *guardedListener) Accept() (net.Conn, error) {
	for {
		connection, err := g.Listener.Accept()
		if err != nil {
			return nil, err
		}
		peer, parseErr := netip.ParseAddrPort(connection.RemoteAddr().String())
		if parseErr == nil && g.identity.AcceptsPeer(peer.Addr()) {
			return connection, nil
		}
		_ = connection.Close()
	}
}
