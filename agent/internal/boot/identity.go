package boot

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"net/netip"
	"sync"
	"time"
)

// reloadInterval bounds how often strangers with a wrong token can make the agent read a file. A read that found something
// new was for no stranger: two restores may come within that time.
const reloadInterval = time.Second

// Identity is who this incarnation is and whom it answers. A restore replaces agent.json under a running
// agent, so the file is read again when a caller does not fit what is in memory.
type Identity struct {
	dir      string
	onChange func(*Config)

	mu     sync.Mutex
	config *Config
	// readInVainAt is when the file said nothing new the last time.
	readInVainAt time.Time
}

// NewIdentity starts from a config that LoadConfig read from dir; onChange sees each newer incarnation.
func NewIdentity(dir string, config *Config, onChange func(*Config)) *Identity {
	return &Identity{dir: dir, config: config, onChange: onChange}
}

// Config is what agent.json said when it was last read.
func (i *Identity) Config() *Config {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.config
}

// AcceptsToken compares in constant time, and once more after a reload.
func (i *Identity) AcceptsToken(token string) bool {
	return i.accepts(func(c *Config) bool {
		return subtle.ConstantTimeCompare([]byte(token), []byte(c.Token)) == 1
	})
}

// AcceptsPeer tells whether connections from this address are served at all.
func (i *Identity) AcceptsPeer(address netip.Addr) bool {
	return i.accepts(func(c *Config) bool { return c.allows(address.Unmap()) })
}

func (c *Config) allows(address netip.Addr) bool {
	if len(c.AllowFrom) == 0 {
		return true
	}
	for _, allowed := range c.AllowFrom {
		if allowed == address {
			return true
		}
	}
	return false
}

func (i *Identity) accepts(fits func(*Config) bool) bool {
	return fits(i.Config()) || (i.reload() && fits(i.Config()))
}

// reload reports whether the file now says something else.
func (i *Identity) reload() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if time.Since(i.readInVainAt) < reloadInterval {
		return false
	}
	config, err := LoadConfig(i.dir)
	if err != nil || (config.Token == i.config.Token && config.Incarnation == i.config.Incarnation) {
		i.readInVainAt = time.Now()
		return false
	}
	i.config = config
	i.onChange(config)
	return true
}

// Reread takes what the file says now, without becoming another incarnation.
func (i *Identity) Reread() (*Config, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	config, err := LoadConfig(i.dir)
	if err != nil {
		return nil, err
	}
	i.config = config
	return config, nil
}

// MachineID derives the 128-bit machine id, so that forks differ and a restart of one incarnation does not.
func (c *Config) MachineID() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s/%d", c.SandboxID, c.Incarnation))
	return hex.EncodeToString(sum[:16])
}
