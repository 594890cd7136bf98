package api

import (
	"net/http"
	"time"

	"atoll.dev/agent/internal/memory"
	"atoll.dev/agent/internal/process"
)

type statusRoutes struct {
	table     *process.Table
	startedAt time.Time
}

func (s *statusRoutes) health(w http.ResponseWriter, _ *http.Request) error {
	writeJSON(w, http.StatusOK, map[string]bool{"healthy": true})
	return nil
}

func (s *statusRoutes) uptimeSecs() int64 { return int64(time.Since(s.startedAt).Seconds()) }

func (s *statusRoutes) info(w http.ResponseWriter, _ *http.Request) error {
	running, total := s.table.Count()
	writeJSON(w, http.StatusOK, map[string]any{
		"version":           Version,
		"generation":        Generation,
		"uptime_secs":       s.uptimeSecs(),
		"running_processes": running,
		"total_processes":   total,
	})
	return nil
}

func (s *statusRoutes) stats(w http.ResponseWriter, _ *http.Request) error {
	info, err := memory.ReadInfo()
	if err != nil {
		return err
	}
	running, _ := s.table.Count()
	writeJSON(w, http.StatusOK, map[string]any{
		"memoryTotalBytes":     info.TotalBytes,
		"memoryAvailableBytes": info.AvailableBytes,
		"runningProcesses":     running,
		"processCount":         process.CountAll(),
		"uptimeSecs":           s.uptimeSecs(),
	})
	return nil
}
