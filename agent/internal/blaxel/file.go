package blaxel

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"os"
	"path"
	"strings"
	"unicode/utf8"

	"atoll.dev/agent/internal/file"
)

// maxContentBytes is the largest file that travels inside JSON; larger ones travel as they are.
const maxContentBytes = 32 << 20

// maxTreeBytes bounds the JSON of a tree of files.
const maxTreeBytes = 64 << 20

func (s *Server) fileRoute(method string, r *request) handler {
	switch {
	case r.parts[0] == "filesystem-multipart":
		return s.multipartRoute(method, r.parts[1:])
	case lookRoutes[r.parts[0]] != nil && method == http.MethodGet:
		return s.atPath("/"+r.parts[0], func(w http.ResponseWriter, r *request, at string) error {
			return lookRoutes[r.parts[0]](s, w, r, at)
		})
	case r.parts[0] != "filesystem":
		return notFound
	case len(r.parts) > 1 && r.parts[1] == "tree":
		return s.atPath("/filesystem/tree", map[string]fileHandler{
			"GET": s.getFolder, "PUT": s.putTree, "DELETE": s.deletePath,
		}[method])
	}
	return s.atPath("/filesystem", map[string]fileHandler{
		"GET": s.getPath, "PUT": s.putPath, "DELETE": s.deletePath,
	}[method])
}

type fileHandler func(w http.ResponseWriter, r *request, at string) error

// atPath hands on the place that the path names behind its route, and gives errors the words of the wire.
func (s *Server) atPath(route string, next fileHandler) handler {
	if next == nil {
		return notFound
	}
	return func(w http.ResponseWriter, r *request) error {
		at, err := s.locate(afterRoute(r.raw, route))
		if err == nil {
			err = next(w, r, at)
		}
		if err != nil {
			return fileFailure(err)
		}
		return nil
	}
}

type reply struct {
	Path    string `json:"path"`
	Message string `json:"message"`
}

func (s *Server) getPath(w http.ResponseWriter, r *request, at string) error {
	found, err := s.options.Files.Stat(s.user(), at, true)
	if err != nil {
		return err
	}
	if found.Type == file.TypeDirectory {
		return s.getFolder(w, r, at)
	}
	opened, info, err := s.options.Files.Open(s.user(), at)
	if err != nil {
		return err
	}
	defer opened.Close()
	isDownload := r.URL.Query().Get("download") == "true"
	if isDownload || !wantsJSON(r.Header.Get("Accept")) {
		return sendRaw(w, r, at, opened, info)
	}
	return s.sendContent(w, at, opened, found)
}

func wantsJSON(accept string) bool {
	return accept == "" || strings.Contains(accept, "application/json") || strings.Contains(accept, "*/*")
}

func sendRaw(w http.ResponseWriter, r *request, at string, opened *os.File, info fs.FileInfo) error {
	w.Header().Set("Content-Type", "application/octet-stream")
	name := map[string]string{"filename": path.Base(at)}
	w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", name))
	if info.Size() == 0 {
		// Files of /proc and /sys have content but no size.
		_, _ = io.Copy(w, opened)
		return nil
	}
	http.ServeContent(w, r.Request, "", info.ModTime(), opened)
	return nil
}

func (s *Server) sendContent(w http.ResponseWriter, at string, opened *os.File, info file.Info) error {
	content, err := io.ReadAll(io.LimitReader(opened, maxContentBytes+1))
	if err != nil {
		return err
	}
	if len(content) > maxContentBytes {
		return &failure{http.StatusUnprocessableEntity, "the file is too large for JSON: ask with Accept: application/octet-stream"}
	}
	if !utf8.Valid(content) {
		content = []byte(strings.ToValidUTF8(string(content), "\uFFFD"))
	}
	return writeJSON(w, http.StatusOK, struct {
		fileView
		Content string `json:"content"`
	}{viewFile(at, info, s.options.Accounts.Namer()), string(content)})
}

func (s *Server) getFolder(w http.ResponseWriter, _ *request, at string) error {
	view, err := s.readFolder(at)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, view)
}

func (s *Server) putPath(w http.ResponseWriter, r *request, at string) error {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind == "multipart/form-data" {
		return s.putForm(w, r, at)
	}
	var body struct {
		Content     string `json:"content"`
		Permissions string `json:"permissions"`
		IsDirectory bool   `json:"isDirectory"`
	}
	if err := readJSON(w, r, maxContentBytes, &body); err != nil {
		return err
	}
	permissions, err := readPermissions(body.Permissions)
	if err != nil {
		return err
	}
	if body.IsDirectory {
		if err := s.makeFolder(at, permissions); err != nil {
			return err
		}
		return writeJSON(w, http.StatusOK, reply{at, "Directory created successfully"})
	}
	if err := s.writeFile(at, strings.NewReader(body.Content), permissions); err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, reply{at, "File created/updated successfully"})
}

func (s *Server) writeFile(at string, content io.Reader, permissions *uint32) error {
	err := s.options.Files.Write(s.user(), at, content)
	if err == nil {
		err = s.setPermissions(at, permissions)
	}
	return err
}

// putForm streams the part called file to its place. Permissions may come before it or after.
func (s *Server) putForm(w http.ResponseWriter, r *request, at string) error {
	text, err := s.readForm(r, func(content io.Reader) error {
		return s.options.Files.Write(s.user(), at, content)
	})
	if err != nil {
		return err
	}
	permissions, err := readPermissions(text)
	if err == nil {
		err = s.setPermissions(at, permissions)
	}
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, reply{at, "Binary file uploaded successfully"})
}

// maxFieldBytes bounds a part of a form that is not the file.
const maxFieldBytes = 4 << 10

// readForm hands the part called file to write, as it comes, and answers the part called permissions.
func (s *Server) readForm(r *request, write func(content io.Reader) error) (permissions string, err error) {
	form, err := r.MultipartReader()
	if err != nil {
		return "", invalid("the body is not a form: " + err.Error())
	}
	for hasFile := false; ; {
		part, err := form.NextPart()
		switch {
		case errors.Is(err, io.EOF) && hasFile:
			return permissions, nil
		case errors.Is(err, io.EOF):
			return "", invalid("the form has no part called file")
		case err != nil:
			return "", invalid("the form ended early")
		}
		switch part.FormName() {
		case "file":
			hasFile = true
			if err := write(part); err != nil {
				return "", err
			}
		case "permissions":
			text, _ := io.ReadAll(io.LimitReader(part, maxFieldBytes))
			permissions = strings.TrimSpace(string(text))
		}
	}
}

// putTree writes several files below a folder, which it makes.
func (s *Server) putTree(w http.ResponseWriter, r *request, at string) error {
	var body struct {
		Files map[string]json.RawMessage `json:"files"`
	}
	if err := readJSON(w, r, maxTreeBytes, &body); err != nil {
		return err
	}
	if err := s.makeFolder(at, nil); err != nil {
		return err
	}
	for name, raw := range body.Files {
		var content string
		if json.Unmarshal(raw, &content) != nil {
			return invalid("the content of " + name + " must be a string")
		}
		if strings.Contains("/"+name+"/", "/../") || strings.Contains(name, "\x00") {
			return invalid("the path " + name + " leads elsewhere")
		}
		if err := s.writeFile(path.Join(at, name), strings.NewReader(content), nil); err != nil {
			return err
		}
	}
	return s.getFolder(w, r, at)
}

func (s *Server) deletePath(w http.ResponseWriter, r *request, at string) error {
	info, err := s.options.Files.Stat(s.user(), at, true)
	if err := s.remove(at, r.URL.Query().Get("recursive") == "true"); err != nil {
		return err
	}
	message := "File deleted successfully"
	if err == nil && info.Type == file.TypeDirectory {
		message = "Directory deleted successfully"
	}
	return writeJSON(w, http.StatusOK, reply{at, message})
}
