// A server in a sandbox for the tests of exposed ports: HTTP/1.1, HTTP/2 without TLS, WebSockets and another upgrade.
// Arguments: the address to listen on and how many milliseconds to wait before.
package main

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"
)

func main() {
	delayMs, _ := strconv.Atoi(os.Args[2])
	time.Sleep(time.Duration(delayMs) * time.Millisecond)
	listener, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		panic(err)
	}
	fmt.Println("listening")
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	server := http.Server{Handler: routes(), Protocols: protocols}
	panic(server.Serve(listener))
}

func routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/", show)
	mux.HandleFunc("/events", events)
	mux.HandleFunc("/big", big)
	mux.HandleFunc("/count", count)
	mux.HandleFunc("/browser", browser)
	mux.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/there?a=1", http.StatusFound) })
	mux.HandleFunc("/ws", websocket)
	mux.HandleFunc("/raw", raw)
	mux.HandleFunc("/hang", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	mux.HandleFunc("/atoll.Echo/Call", grpc)
	return mux
}

// show tells what arrived.
func show(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"method": r.Method, "url": r.RequestURI, "host": r.Host, "headers": r.Header,
		"body": string(body), "proto": r.Proto,
	})
}

func events(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	for id := 0; r.Context().Err() == nil; id++ {
		_, _ = fmt.Fprintf(w, "data: %d\n\n", id)
		_ = http.NewResponseController(w).Flush()
		time.Sleep(50 * time.Millisecond)
	}
}

func big(w http.ResponseWriter, r *http.Request) {
	mb, _ := strconv.Atoi(r.URL.Query().Get("mb"))
	w.Header().Set("Content-Length", strconv.Itoa(mb<<20))
	for block := make([]byte, 1<<20); mb > 0; mb-- {
		if _, err := w.Write(block); err != nil {
			return
		}
	}
}

func count(w http.ResponseWriter, r *http.Request) {
	n, err := io.Copy(io.Discard, r.Body)
	_, _ = fmt.Fprintf(w, "%d %v", n, err)
}

// browser answers with what a browser would apply to more than this page.
func browser(w http.ResponseWriter, _ *http.Request) {
	header := w.Header()
	header.Add("Set-Cookie", "own=1; Path=/; HttpOnly")
	header.Add("Set-Cookie", "wide=1; Domain=atoll.test; Path=/")
	header.Add("Set-Cookie", "atoll_session=stolen; Path=/")
	header.Set("Clear-Site-Data", `"*"`)
	header.Set("Strict-Transport-Security", "max-age=1; includeSubDomains")
	header.Set("Content-Security-Policy", "default-src 'self'")
	header.Set("WWW-Authenticate", "Basic")
	header.Set("Connection", "x-hop")
	header.Set("X-Hop", "1")
	_, _ = io.WriteString(w, "<script>document.write(document.cookie)</script>")
}

// grpc answers one message with itself, as a server of gRPC does: length prefixes, and the status in the trailers.
func grpc(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/grpc")
	w.Header().Set("Trailer", "Grpc-Status, Grpc-Message")
	head := make([]byte, 5)
	for {
		if _, err := io.ReadFull(r.Body, head); err != nil {
			break
		}
		message := make([]byte, binary.BigEndian.Uint32(head[1:]))
		_, _ = io.ReadFull(r.Body, message)
		_, _ = w.Write(append(head[:5:5], message...))
		_ = http.NewResponseController(w).Flush()
	}
	w.Header().Set("Grpc-Status", "0")
	w.Header().Set("Grpc-Message", r.Proto+" "+r.Host)
}

func takeOver(w http.ResponseWriter, head string) (net.Conn, *bufio.ReadWriter) {
	connection, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	_, _ = io.WriteString(connection, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"+head+"\r\n\r\n")
	return connection, buffered
}

func raw(w http.ResponseWriter, r *http.Request) {
	connection, buffered := takeOver(w, "Upgrade: "+r.Header.Get("Upgrade"))
	defer connection.Close()
	_, _ = io.Copy(connection, buffered)
}

// websocket answers each short frame with itself.
func websocket(w http.ResponseWriter, r *http.Request) {
	digest := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	connection, buffered := takeOver(w, "Upgrade: websocket\r\nSec-WebSocket-Accept: "+base64.StdEncoding.EncodeToString(digest[:]))
	defer connection.Close()
	head := make([]byte, 6)
	for {
		if _, err := io.ReadFull(buffered, head); err != nil {
			return
		}
		payload := make([]byte, head[1]&0x7f)
		if _, err := io.ReadFull(buffered, payload); err != nil {
			return
		}
		for i := range payload {
			payload[i] ^= head[2+i%4]
		}
		if _, err := connection.Write(append([]byte{head[0], byte(len(payload))}, payload...)); err != nil {
			return
		}
	}
}
