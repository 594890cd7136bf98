package blaxel

import (
	"net/http"
	"runtime"
	"time"
)

func (s *Server) health(w http.ResponseWriter, _ *request) error {
	uptime := time.Since(s.options.StartedAt)
	return writeJSON(w, http.StatusOK, map[string]any{
		"status": "ok", "version": s.options.Version, "gitCommit": "", "buildTime": "",
		"goVersion": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH,
		"startedAt": s.options.StartedAt.UTC().Format(time.RFC3339),
		"uptime":    uptime.Truncate(time.Second).String(), "uptimeSeconds": uptime.Seconds(),
		"upgradeCount": 0,
		"lastUpgrade":  map[string]string{"status": "idle", "step": "", "version": ""},
	})
}
