// Package boot reads what the server says about this incarnation and makes the root file system fit it.
package boot

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
)

// Config is agent.json: everything the server tells the agent about one incarnation.
type Config struct {
	SandboxID    string            `json:"sandboxId"`
	Incarnation  int64             `json:"incarnation"`
	Token        string            `json:"token"`
	Listen       string            `json:"listen"`
	AllowFrom    []netip.Addr      `json:"allowFrom"`
	Hostname     string            `json:"hostname"`
	Resolver     string            `json:"resolver"`
	Env          map[string]string `json:"env"`
	Entrypoint   []string          `json:"entrypoint"`
	User         string            `json:"user"`
	WorkingDir   string            `json:"workingDir"`
	MemoryMb     int64             `json:"memoryMb"`
	MaxProcesses int64             `json:"maxProcesses"`
	OomGuard     string            `json:"oomGuard"`
	ExtraCa      bool              `json:"extraCa"`
	StopSignal   string            `json:"stopSignal"`
	StopGraceMs  int64             `json:"stopGraceMs"`
	Root         string            `json:"root"`
	// Init is the image's own init program, for an image that wants one as PID 1: the agent prepares its start, makes
	// room for it, and runs as one of its units.
	Init string `json:"init"`
	// Startup is a program of the image that is started as root before anything else, for an image without such an init.
	Startup string `json:"startup"`
	// AcceptBuilds lets processes of this sandbox hand builds to the server.
	AcceptBuilds bool `json:"acceptBuilds"`
	// SandboxAPI has the agent answer on the port of the loopback where images of the Blaxel dialect expect the API.
	SandboxAPI bool `json:"sandboxApi"`
	// Build says that what is written becomes an image: nothing of this sandbox may be among it.
	Build bool `json:"build"`
}

const configFile = "agent.json"

// minTokenLength keeps a truncated file from becoming a guessable token.
const minTokenLength = 16

// LoadConfig reads and checks agent.json in the identity folder.
func LoadConfig(identityDir string) (*Config, error) {
	path := filepath.Join(identityDir, configFile)
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	config := &Config{}
	if err := json.Unmarshal(data, config); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	config.applyDefaults()
	if err := config.validate(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return config, nil
}

func (c *Config) applyDefaults() {
	setDefault(&c.Root, "/")
	setDefault(&c.WorkingDir, "/")
	setDefault(&c.User, "root")
	setDefault(&c.OomGuard, "none")
	setDefault(&c.StopSignal, "SIGTERM")
	setDefault(&c.Hostname, "tl-sbx")
}

func setDefault(field *string, value string) {
	if *field == "" {
		*field = value
	}
}

func (c *Config) validate() error {
	if _, err := ParseSignal(c.StopSignal); err != nil {
		return err
	}
	if _, err := netip.ParseAddrPort(c.Listen); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	if c.Resolver != "" {
		if _, err := netip.ParseAddr(c.Resolver); err != nil {
			return fmt.Errorf("resolver: %w", err)
		}
	}
	for key, value := range c.Env {
		if key == "" || strings.ContainsAny(key, "=\x00") || strings.Contains(value, "\x00") {
			return fmt.Errorf("env: invalid variable %q", key)
		}
	}
	return c.validateFields()
}

func (c *Config) validateFields() error {
	switch {
	case c.SandboxID == "":
		return errors.New("sandboxId is missing")
	case c.Incarnation < 1:
		return errors.New("incarnation must be at least 1")
	case len(c.Token) < minTokenLength:
		return fmt.Errorf("token is shorter than %d characters", minTokenLength)
	case c.MemoryMb < 0 || c.MaxProcesses < 0 || c.StopGraceMs < 0:
		return errors.New("memoryMb, maxProcesses and stopGraceMs must not be negative")
	case c.OomGuard != "none" && c.OomGuard != "meminfo" && c.OomGuard != "cgroup":
		return fmt.Errorf("oomGuard %q is none of none, meminfo, cgroup", c.OomGuard)
	case !filepath.IsAbs(c.Root) || !filepath.IsAbs(c.WorkingDir):
		return errors.New("root and workingDir must be absolute paths")
	case !isProgram(c.Init) || !isProgram(c.Startup):
		return errors.New("init and startup must be absolute paths")
	case strings.ContainsAny(c.Hostname, " \t\r\n\x00"):
		return errors.New("hostname holds white space")
	case strings.Contains(c.WorkingDir, "\x00"), len(c.Entrypoint) > 0 && c.Entrypoint[0] == "":
		return errors.New("workingDir or entrypoint is malformed")
	}
	return nil
}

// isProgram tells whether path names no program, or one that does not depend on a folder.
func isProgram(path string) bool {
	return path == "" || (filepath.IsAbs(path) && !strings.Contains(path, "\x00"))
}
