package api

import (
	"net/http"
	"strconv"
	"unicode/utf8"
)

const ndjsonBatchBytes = 32 << 10

// lineWriter sends JSON objects, one to a line, in batches. The first line commits the status.
type lineWriter struct {
	w          http.ResponseWriter
	controller *http.ResponseController
	buffer     []byte
	started    bool
}

func newLineWriter(w http.ResponseWriter) *lineWriter {
	return &lineWriter{w: w, controller: http.NewResponseController(w)}
}

// object begins a line; the fields follow, then end.
func (l *lineWriter) object() *lineWriter {
	l.buffer = append(l.buffer, '{')
	return l
}

func (l *lineWriter) key(name string) {
	if l.buffer[len(l.buffer)-1] != '{' {
		l.buffer = append(l.buffer, ',')
	}
	l.buffer = append(l.buffer, '"')
	l.buffer = append(l.buffer, name...)
	l.buffer = append(l.buffer, '"', ':')
}

func (l *lineWriter) text(name, value string) *lineWriter {
	l.key(name)
	l.buffer = appendJSONString(l.buffer, []byte(value))
	return l
}

func (l *lineWriter) number(name string, value int64) *lineWriter {
	l.key(name)
	l.buffer = appendInt(l.buffer, value)
	return l
}

func (l *lineWriter) flag(name string, value bool) *lineWriter {
	l.key(name)
	l.buffer = strconv.AppendBool(l.buffer, value)
	return l
}

// path adds a name of the file tree. What is not UTF-8 cannot be JSON text: its bytes come along in base64.
func (l *lineWriter) path(name, value string) *lineWriter {
	l.text(name, value)
	if !utf8.ValidString(value) {
		l.text(name+"_base64", encodeBytes(value))
	}
	return l
}

func (l *lineWriter) end() error {
	l.buffer = append(l.buffer, '}', '\n')
	if len(l.buffer) < ndjsonBatchBytes {
		return nil
	}
	return l.write()
}

func (l *lineWriter) write() error {
	if !l.started {
		l.started = true
		l.w.Header().Set("Content-Type", "application/x-ndjson")
		l.w.Header().Set("Cache-Control", "no-cache")
		l.w.Header().Set("X-Accel-Buffering", "no")
	}
	_, err := l.w.Write(l.buffer)
	l.buffer = l.buffer[:0]
	return err
}

func (l *lineWriter) flush() error {
	if err := l.write(); err != nil {
		return err
	}
	return l.controller.Flush()
}
