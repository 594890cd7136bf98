package layer

import "path/filepath"

// PathRequest asks where a path leads.
type PathRequest struct {
	Path string `json:"path"`
}

// Resolve follows all links of a path, inside the root.
func (p PathRequest) Resolve() (string, error) {
	resolved, err := filepath.EvalSymlinks("/" + p.Path)
	if err != nil {
		return "", notFound(p.Path)
	}
	return resolved, nil
}
