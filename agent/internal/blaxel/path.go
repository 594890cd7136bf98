package blaxel

import (
	"net/url"
	"path"
	"strings"

	"atoll.dev/agent/internal/process"
)

// filePath reads the path of a file from what follows a route, as it was sent. A slash that is encoded makes the path
// absolute wherever it stands, and so does a doubled one at the beginning; else it starts at the working directory.
func filePath(sent string) (string, error) {
	decoded, err := url.PathUnescape(sent)
	if err != nil || strings.Contains(decoded, "\x00") {
		return "", invalid("the path is not a valid path")
	}
	isAbsolute := strings.HasPrefix(sent, "/") || strings.Contains(strings.ToLower(sent), "%2f")
	if isAbsolute && !strings.HasPrefix(decoded, "/") {
		decoded = "/" + decoded
	}
	for _, segment := range strings.Split(decoded, "/") {
		if segment == ".." {
			return "", invalid("the path must not contain '..'")
		}
	}
	if decoded == "" {
		return ".", nil
	}
	return decoded, nil
}

// afterRoute is what follows a route in the path as it was sent: without the one slash between them.
func afterRoute(raw, route string) string {
	return strings.TrimPrefix(strings.TrimPrefix(raw, route), "/")
}

// locate is the absolute path of what was sent, as processes of the sandbox see it.
func (s *Server) locate(sent string) (string, error) {
	given, err := filePath(sent)
	if err != nil {
		return "", err
	}
	return s.absolute(given), nil
}

func (s *Server) absolute(given string) string {
	return path.Clean(process.ResolvePath("/", s.options.WorkingDir, given))
}
