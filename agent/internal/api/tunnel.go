package api

import (
	"net/http"
	"strconv"

	"atoll.dev/agent/internal/tunnel"
	"atoll.dev/agent/internal/websocket"
)

// openTunnel connects before it upgrades, so that a refused connection can still be answered.
func openTunnel(w http.ResponseWriter, r *http.Request) error {
	port, err := strconv.ParseUint(r.URL.Query().Get("port"), 10, 16)
	if err != nil || port == 0 {
		return &failure{http.StatusBadRequest, "INVALID_PORT", "port must be a number from 1 to 65535"}
	}
	if err := websocket.Check(r); err != nil {
		return upgradeRequired(w, err)
	}
	server, err := tunnel.Dial(r.Context(), uint16(port))
	if err != nil {
		return &failure{
			http.StatusBadGateway, "CONNECTION_REFUSED",
			"nothing accepts connections on port " + strconv.FormatUint(port, 10) + " of the sandbox",
		}
	}
	defer server.Close()
	conn, err := upgrade(w, r)
	if err != nil {
		return err
	}
	tunnel.Relay(conn, server)
	return nil
}
