package api

import (
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"atoll.dev/agent/internal/process"
	"atoll.dev/agent/internal/supervise"
)

const (
	defaultInitialBackoffMs = 500
	defaultMaxBackoffMs     = 30_000
	defaultInitialDelayMs   = 5_000
	defaultIntervalMs       = 1_000
	defaultTimeoutMs        = 500
	defaultThreshold        = 3
	maxNameBytes            = 255
	// maxDurationMs keeps what clients send within a duration.
	maxDurationMs = 365 * 24 * 60 * 60 * 1000
)

var onlyDigits = regexp.MustCompile(`^[0-9]+$`)

// managedBody is what makes a process a managed one, beside what every process has.
type managedBody struct {
	Name        *string      `json:"name"`
	Restart     *restartBody `json:"restart"`
	HealthCheck *checkBody   `json:"health_check"`
}

type restartBody struct {
	Policy           supervise.Policy `json:"policy"`
	MaxRestarts      *int             `json:"max_restarts,omitempty"`
	InitialBackoffMs *int64           `json:"initial_backoff_ms"`
	MaxBackoffMs     *int64           `json:"max_backoff_ms"`
}

type checkBody struct {
	Type             string `json:"type"`
	Port             int    `json:"port"`
	Path             string `json:"path,omitempty"`
	InitialDelayMs   *int64 `json:"initial_delay_ms"`
	IntervalMs       *int64 `json:"interval_ms"`
	TimeoutMs        *int64 `json:"timeout_ms"`
	FailureThreshold *int64 `json:"failure_threshold"`
}

func (b *managedBody) isManaged() bool {
	return b.Name != nil || b.Restart != nil || b.HealthCheck != nil
}

func (b *managedBody) name() (string, error) {
	if b.Name == nil {
		return "", nil
	}
	name := *b.Name
	isWhole := name != "" && len(name) <= maxNameBytes && !strings.ContainsAny(name, "/\x00")
	// Where it stands in a path, digits are a pid, and dots are folded away.
	if !isWhole || onlyDigits.MatchString(name) || name == "." || name == ".." {
		return "", invalid("name must have 1 to 255 bytes, no '/', not only digits, and not be '.' or '..'")
	}
	return name, nil
}

// number reads an optional number within limits.
func number(field string, given *int64, byDefault, lowest, highest int64) (int64, error) {
	if given == nil {
		return byDefault, nil
	}
	if *given < lowest || *given > highest {
		return 0, invalid(field + " is out of range")
	}
	return *given, nil
}

func (b *restartBody) restart() (supervise.Restart, error) {
	restart := supervise.Restart{Policy: supervise.Never}
	if b == nil {
		b = &restartBody{}
	}
	switch b.Policy {
	case "":
	case supervise.Never, supervise.OnFailure, supervise.Always:
		restart.Policy = b.Policy
	default:
		return restart, invalid(`restart.policy must be "never", "on_failure" or "always"`)
	}
	if b.MaxRestarts != nil && *b.MaxRestarts < 0 {
		return restart, invalid("restart.max_restarts must not be negative")
	}
	restart.MaxRestarts = b.MaxRestarts
	initial, err := number("restart.initial_backoff_ms", b.InitialBackoffMs, defaultInitialBackoffMs, 0, maxDurationMs)
	if err != nil {
		return restart, err
	}
	highest, err := number("restart.max_backoff_ms", b.MaxBackoffMs, max(defaultMaxBackoffMs, initial), 0, maxDurationMs)
	restart.InitialBackoff, restart.MaxBackoff = milli(initial), milli(highest)
	return restart, err
}

func milli(count int64) time.Duration { return time.Duration(count) * time.Millisecond }

func (b *checkBody) check() (*supervise.Check, error) {
	if b == nil {
		return nil, nil
	}
	if b.Type != "http" && b.Type != "tcp" {
		return nil, invalid(`health_check.type must be "http" or "tcp"`)
	}
	if b.Port < 1 || b.Port > 65535 {
		return nil, invalid("health_check.port must be a number from 1 to 65535")
	}
	check := &supervise.Check{HTTP: b.Type == "http", Port: uint16(b.Port), Path: b.Path}
	if check.Path == "" {
		check.Path = "/"
	}
	_, err := url.Parse("http://localhost" + check.Path)
	if !strings.HasPrefix(check.Path, "/") || strings.Contains(check.Path, " ") || err != nil {
		return nil, invalid("health_check.path must be the path of a URL")
	}
	return check, b.readTimes(check)
}

func (b *checkBody) readTimes(check *supervise.Check) error {
	var threshold int64
	for _, field := range []struct {
		name              string
		given             *int64
		byDefault, lowest int64
		set               func(int64)
	}{
		{"initial_delay_ms", b.InitialDelayMs, defaultInitialDelayMs, 0, func(ms int64) { check.InitialDelay = milli(ms) }},
		{"interval_ms", b.IntervalMs, defaultIntervalMs, 10, func(ms int64) { check.Interval = milli(ms) }},
		{"timeout_ms", b.TimeoutMs, defaultTimeoutMs, 1, func(ms int64) { check.Timeout = milli(ms) }},
		{"failure_threshold", b.FailureThreshold, defaultThreshold, 1, func(count int64) { threshold = count }},
	} {
		value, err := number("health_check."+field.name, field.given, field.byDefault, field.lowest, maxDurationMs)
		if err != nil {
			return err
		}
		field.set(value)
	}
	check.FailureThreshold = int(threshold)
	return nil
}

func (p *processRoutes) startManaged(spec process.Spec, body *managedBody) (*process.Process, error) {
	name, err := body.name()
	if err != nil {
		return nil, err
	}
	restart, err := body.Restart.restart()
	if err != nil {
		return nil, err
	}
	check, err := body.HealthCheck.check()
	if err != nil {
		return nil, err
	}
	managed, err := p.supervisor.Start(name, spec, restart, check)
	switch {
	case errors.Is(err, supervise.ErrNameTaken):
		return nil, &failure{http.StatusConflict, "NAME_TAKEN", err.Error()}
	case errors.Is(err, supervise.ErrTooMany):
		return nil, &failure{http.StatusTooManyRequests, "TOO_MANY_PROCESSES", err.Error()}
	case err != nil:
		return nil, err
	}
	return managed.Current(), nil
}

func (p *processRoutes) restart(w http.ResponseWriter, r *http.Request) error {
	_, managed, err := p.target(r)
	if err != nil {
		return err
	}
	if managed == nil {
		return &failure{
			http.StatusBadRequest, "NOT_MANAGED",
			"Process " + r.PathValue("process") + " is not managed: only those started with name, restart or health_check are",
		}
	}
	if err := managed.RestartNow(); err != nil {
		return signalFailure(r, spawnFailure(err))
	}
	writeJSON(w, http.StatusOK, p.infoOf(managed.Current()))
	return nil
}

// managedInfo is the supervision of a process as the wire shows it, defaults filled in.
type managedInfo struct {
	ID             string           `json:"id"`
	Name           string           `json:"name,omitempty"`
	Status         supervise.Status `json:"status"`
	RestartCount   int              `json:"restart_count"`
	Restart        restartBody      `json:"restart"`
	HealthCheck    *checkBody       `json:"health_check,omitempty"`
	HealthStatus   supervise.Health `json:"health_status"`
	HealthFailures int              `json:"consecutive_health_failures"`
	LastExit       *exitInfo        `json:"last_exit,omitempty"`
	LastError      string           `json:"last_error,omitempty"`
	NextRestartAt  *int64           `json:"next_restart_at,omitempty"`
}

type exitInfo struct {
	ExitCode  *int   `json:"exit_code"`
	Signal    *int   `json:"signal"`
	OomKilled bool   `json:"oom_killed"`
	EndedAt   *int64 `json:"ended_at"`
}

func managedInfoOf(managed *supervise.Managed) *managedInfo {
	if managed == nil {
		return nil
	}
	state, restart := managed.State(), managed.Restart
	info := &managedInfo{
		ID: managed.ID, Name: managed.Name, Status: state.Status, RestartCount: state.RestartCount,
		Restart: restartBody{
			Policy: restart.Policy, MaxRestarts: restart.MaxRestarts,
			InitialBackoffMs: inMilliseconds(restart.InitialBackoff), MaxBackoffMs: inMilliseconds(restart.MaxBackoff),
		},
		HealthCheck: checkInfoOf(managed.Check), HealthStatus: state.Health, HealthFailures: state.HealthFailures,
		LastError: state.LastError, NextRestartAt: milliseconds(state.NextRestartAt),
	}
	if exit := state.LastExit; exit != nil {
		info.LastExit = &exitInfo{exit.ExitCode, exit.Signal, exit.OomKilled, milliseconds(exit.EndedAt)}
	}
	return info
}

func checkInfoOf(check *supervise.Check) *checkBody {
	if check == nil {
		return nil
	}
	threshold := int64(check.FailureThreshold)
	info := &checkBody{
		Type: "tcp", Port: int(check.Port), InitialDelayMs: inMilliseconds(check.InitialDelay),
		IntervalMs: inMilliseconds(check.Interval), TimeoutMs: inMilliseconds(check.Timeout),
		FailureThreshold: &threshold,
	}
	if check.HTTP {
		info.Type, info.Path = "http", check.Path
	}
	return info
}

func inMilliseconds(duration time.Duration) *int64 {
	count := duration.Milliseconds()
	return &count
}
