package blaxel

import (
	"net/http"
	"sync"
)

// keyVariables are those in which the hosted service looks for keys of models that edit code.
var keyVariables = []string{"RELACE_API_KEY", "MORPH_API_KEY"}

// noModel says why code is not edited or ordered by a model: without a key as the hosted service does.
func (s *Server) noModel() error {
	for _, name := range keyVariables {
		if s.options.Env[name] != "" {
			return &failure{http.StatusServiceUnavailable, "this server asks no provider of models: call it from the sandbox"}
		}
	}
	return invalid("no provider is configured: RELACE_API_KEY or MORPH_API_KEY is not set")
}

func (s *Server) codegen(http.ResponseWriter, *request) error { return s.noModel() }

// drives has none to list: file systems that outlive sandboxes are volumes here, which the server attaches.
func (s *Server) drives(w http.ResponseWriter, r *request) error {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return writeJSON(w, http.StatusOK, map[string]any{"mounts": []string{}})
	}
	return invalid("this server has no drives: create the sandbox with a volume, or attach one (atoll fs attach)")
}

func upgrade(http.ResponseWriter, *request) error {
	return &failure{http.StatusUnprocessableEntity, "the sandbox API belongs to the agent of this server: a sandbox has the " +
		"newest one from its next start on"}
}

// reloads counts how often variables were read again.
type reloads struct {
	mu    sync.Mutex
	count int
}

// reloadEnvironment gives processes that start from now on the variables as the server says them now.
func (s *Server) reloadEnvironment(w http.ResponseWriter, _ *request) error {
	s.reloads.mu.Lock()
	defer s.reloads.mu.Unlock()
	applied, removed, err := s.options.ReloadEnv()
	if err != nil {
		return err
	}
	s.reloads.count++
	return writeJSON(w, http.StatusOK, map[string]int{
		"applied": applied, "removed": removed, "generation": s.reloads.count,
	})
}
