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

// location is one place in the file tree.
type location struct {
	// shown is absolute, as processes of the sandbox see it.
	shown string
	// real is the same for the agent itself, which differs where it does not run in the sandbox's own tree.
	real string
}

func (s *Server) locate(sent string) (location, error) {
	given, err := filePath(sent)
	if err != nil {
		return location{}, err
	}
	return s.locationOf(given), nil
}

func (s *Server) locationOf(given string) location {
	return location{
		shown: path.Clean(process.ResolvePath("/", s.options.WorkingDir, given)),
		real:  process.ResolvePath(s.options.Root, s.options.WorkingDir, given),
	}
}
