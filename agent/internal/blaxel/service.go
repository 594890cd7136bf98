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

// drives are of the server, which answers for them before it asks the agent: who comes from inside has no right to them.
func (s *Server) drives(http.ResponseWriter, *request) error {
	return &failure{http.StatusForbidden, "drives are mounted from outside of the sandbox, with a key of the workspace"}
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
