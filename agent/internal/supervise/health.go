package supervise

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"atoll.dev/agent/internal/tunnel"
)

// probe asks once and says why the answer is not one of a healthy process.
func (c *Check) probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	if c.HTTP {
		return c.probeHTTP(ctx)
	}
	connection, err := tunnel.Dial(ctx, c.Port)
	if err == nil {
		_ = connection.Close()
	}
	return err
}

func (c *Check) probeHTTP(ctx context.Context) error {
	url := "http://localhost:" + strconv.Itoa(int(c.Port)) + c.Path
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := c.client().Do(request)
	if err != nil {
		return err
	}
	_ = response.Body.Close()
	if response.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("status %d", response.StatusCode)
	}
	return nil
}

// client follows nothing and keeps nothing: each probe is a connection of its own.
func (c *Check) client() *http.Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) { return tunnel.Dial(ctx, c.Port) }
	return &http.Client{
		Transport:     &http.Transport{DialContext: dial, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// watch probes a run until ctx ends; report gets each result and tells whether to go on.
func (c *Check) watch(ctx context.Context, report func(error) bool) {
	timer := time.NewTimer(c.InitialDelay)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		err := c.probe(ctx)
		if ctx.Err() != nil || !report(err) {
			return
		}
		timer.Reset(c.Interval)
	}
}
