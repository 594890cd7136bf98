package blaxel

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"io"
	"net/http"
	"sync"
	"text/template"
)

var (
	//go:embed page/terminal.html
	pageText string
	//go:embed page/xterm.js.gz
	pageScript []byte
	//go:embed page/xterm.css.gz
	pageStyle []byte
)

// wholePage is one answer with all that it needs: what it would fetch by itself would come without its key.
var wholePage = sync.OnceValues(func() ([]byte, error) {
	script, err := unpacked(pageScript)
	if err != nil {
		return nil, err
	}
	style, err := unpacked(pageStyle)
	if err != nil {
		return nil, err
	}
	page, err := template.New("terminal").Parse(pageText)
	if err != nil {
		return nil, err
	}
	var whole bytes.Buffer
	err = page.Execute(&whole, map[string]string{"Script": script, "Style": style})
	return whole.Bytes(), err
})

func unpacked(packed []byte) (string, error) {
	reader, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(reader)
	return string(text), err
}

func terminalPage(w http.ResponseWriter, r *request) error {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return notFound(w, r)
	}
	page, err := wholePage()
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Referrer-Policy", "no-referrer")
	_, _ = w.Write(page)
	return nil
}
