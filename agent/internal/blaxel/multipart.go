package blaxel

import (
	"crypto/md5"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"atoll.dev/agent/internal/process"
)

const (
	maxUploads    = 100
	maxPartNumber = 10_000
	// uploadLifetime is after how long an upload that nobody goes on with is forgotten.
	uploadLifetime = 24 * time.Hour
)

// part is one piece of an upload.
type part struct {
	PartNumber int    `json:"partNumber"`
	ETag       string `json:"etag"`
	Size       int64  `json:"size"`
	UploadedAt string `json:"uploadedAt"`
}

// upload is a file that comes in parts, in any order and several at once. Its parts lie in a folder of their own.
type upload struct {
	id          string
	at          string
	permissions *uint32
	folder      string
	initiatedAt time.Time

	mu    sync.Mutex
	parts map[int]part
}

type uploads struct {
	mu   sync.Mutex
	byID map[string]*upload
}

func (s *Server) multipartRoute(method string, parts []string) handler {
	if len(parts) == 0 && method == http.MethodGet {
		return s.listUploads
	}
	if len(parts) < 2 {
		return notFound
	}
	if parts[0] == "initiate" && method == http.MethodPost {
		return s.atPath("/filesystem-multipart/initiate", s.initiateUpload)
	}
	known := map[string]handler{
		"PUT part": s.putPart, "POST complete": s.completeUpload, "DELETE abort": s.abortUpload, "GET parts": s.listParts,
	}[method+" "+parts[1]]
	if known == nil || len(parts) > 2 {
		return notFound
	}
	return known
}

func (s *Server) initiateUpload(w http.ResponseWriter, r *request, at string) error {
	var body struct {
		Permissions string `json:"permissions"`
	}
	if err := readJSON(w, r, maxJSONBytes, &body); err != nil {
		return err
	}
	permissions, err := readPermissions(body.Permissions)
	if err != nil {
		return err
	}
	one, err := s.uploads.begin(process.ResolvePath(s.options.Root, "/", os.TempDir()), at)
	if err != nil {
		return err
	}
	one.permissions = permissions
	return writeJSON(w, http.StatusOK, map[string]string{"uploadId": one.id, "path": at})
}

// begin makes the folder of an upload, which nobody but the agent reads.
func (u *uploads) begin(tempDir string, at string) (*upload, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.forgetOldLocked()
	if len(u.byID) >= maxUploads {
		return nil, &failure{http.StatusUnprocessableEntity, "too many uploads are under way: complete or abort some"}
	}
	if err := os.MkdirAll(tempDir, 0o1777); err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp(tempDir, ".atoll-parts-")
	if err != nil {
		return nil, err
	}
	var bytes [16]byte
	_, _ = rand.Read(bytes[:])
	one := &upload{
		id: hex.EncodeToString(bytes[:]), at: at, folder: folder, initiatedAt: time.Now(), parts: map[int]part{},
	}
	u.byID[one.id] = one
	return one, nil
}

func (u *uploads) forgetOldLocked() {
	for id, one := range u.byID {
		if time.Since(one.initiatedAt) > uploadLifetime {
			delete(u.byID, id)
			_ = os.RemoveAll(one.folder)
		}
	}
}

func (u *uploads) find(id string) (*upload, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if one := u.byID[id]; one != nil {
		return one, nil
	}
	return nil, &failure{http.StatusNotFound, "upload not found"}
}

// take ends an upload: only one caller completes or aborts it.
func (u *uploads) take(id string) (*upload, error) {
	one, err := u.find(id)
	if err != nil {
		return nil, err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.byID[id] != one {
		return nil, &failure{http.StatusNotFound, "upload not found"}
	}
	delete(u.byID, id)
	return one, nil
}

func (o *upload) partPath(number int) string { return filepath.Join(o.folder, strconv.Itoa(number)) }

// putPart streams a part to the disk under a name of its own, so that of two with one number the last one counts whole.
func (s *Server) putPart(w http.ResponseWriter, r *request) error {
	one, err := s.uploads.find(r.parts[1])
	if err != nil {
		return err
	}
	number, err := strconv.Atoi(r.URL.Query().Get("partNumber"))
	if err != nil || number < 1 || number > maxPartNumber {
		return invalid(fmt.Sprintf("partNumber must be a number from 1 to %d", maxPartNumber))
	}
	temp, err := os.CreateTemp(one.folder, "incoming-")
	if err != nil {
		return fileFailure(err)
	}
	defer os.Remove(temp.Name())
	defer temp.Close()
	digest, size := md5.New(), int64(0)
	_, err = s.readForm(r, func(content io.Reader) (err error) {
		size, err = io.Copy(io.MultiWriter(temp, digest), content)
		return err
	})
	if err != nil {
		return fileFailure(err)
	}
	stored := part{number, hex.EncodeToString(digest.Sum(nil)), size, time.Now().UTC().Format(time.RFC3339)}
	one.mu.Lock()
	defer one.mu.Unlock()
	if err := os.Rename(temp.Name(), one.partPath(number)); err != nil {
		return fileFailure(err)
	}
	one.parts[number] = stored
	return writeJSON(w, http.StatusOK, stored)
}

func (o *upload) stored() []part {
	o.mu.Lock()
	defer o.mu.Unlock()
	parts := make([]part, 0, len(o.parts))
	for _, one := range o.parts {
		parts = append(parts, one)
	}
	slices.SortFunc(parts, func(a, b part) int { return a.PartNumber - b.PartNumber })
	return parts
}

// completeUpload joins the parts that are named, in the order of their numbers, in the place of the file.
func (s *Server) completeUpload(w http.ResponseWriter, r *request) error {
	var body struct {
		Parts []part `json:"parts"`
	}
	if err := readJSON(w, r, maxJSONBytes, &body); err != nil {
		return err
	}
	found, err := s.uploads.find(r.parts[1])
	if err != nil {
		return err
	}
	if err := found.check(body.Parts); err != nil {
		return err
	}
	one, err := s.uploads.take(r.parts[1])
	if err != nil {
		return err
	}
	defer os.RemoveAll(one.folder)
	slices.SortFunc(body.Parts, func(a, b part) int { return a.PartNumber - b.PartNumber })
	content := &joined{upload: one, parts: body.Parts}
	defer content.Close()
	if err := s.writeFile(one.at, content, one.permissions); err != nil {
		return fileFailure(err)
	}
	return writeJSON(w, http.StatusOK, reply{one.at, "File created/updated successfully"})
}

// check refuses parts that did not come, or came as something else.
func (o *upload) check(named []part) error {
	if len(named) == 0 {
		return invalid("parts must name at least one part")
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	seen := map[int]bool{}
	for _, one := range named {
		stored, isThere := o.parts[one.PartNumber]
		if !isThere || seen[one.PartNumber] || (one.ETag != "" && one.ETag != stored.ETag) {
			return invalid(fmt.Sprintf("part %d is not there, is named twice, or has another etag", one.PartNumber))
		}
		seen[one.PartNumber] = true
	}
	return nil
}

// joined reads one part after the other, and has one of them open at a time.
type joined struct {
	upload *upload
	parts  []part
	open   *os.File
}

func (j *joined) Read(into []byte) (int, error) {
	for {
		if j.open == nil {
			if len(j.parts) == 0 {
				return 0, io.EOF
			}
			next, err := os.Open(j.upload.partPath(j.parts[0].PartNumber))
			if err != nil {
				return 0, err
			}
			j.open, j.parts = next, j.parts[1:]
		}
		count, err := j.open.Read(into)
		if err != io.EOF || count > 0 {
			return count, err
		}
		j.Close()
	}
}

func (j *joined) Close() {
	if j.open != nil {
		_ = j.open.Close()
		j.open = nil
	}
}

func (s *Server) abortUpload(w http.ResponseWriter, r *request) error {
	one, err := s.uploads.take(r.parts[1])
	if err != nil {
		return err
	}
	if err := os.RemoveAll(one.folder); err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, reply{one.at, "Upload aborted successfully"})
}

func (s *Server) listParts(w http.ResponseWriter, r *request) error {
	one, err := s.uploads.find(r.parts[1])
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, map[string]any{"uploadId": one.id, "parts": one.stored()})
}

func (s *Server) listUploads(w http.ResponseWriter, _ *request) error {
	s.uploads.mu.Lock()
	all := make([]*upload, 0, len(s.uploads.byID))
	for _, one := range s.uploads.byID {
		all = append(all, one)
	}
	s.uploads.mu.Unlock()
	views := []map[string]any{}
	for _, one := range all {
		parts := map[string]part{}
		for _, stored := range one.stored() {
			parts[strconv.Itoa(stored.PartNumber)] = stored
		}
		views = append(views, map[string]any{
			"uploadId": one.id, "path": one.at, "permissions": permissionsOr(one.permissions, defaultFilePermissions), "parts": parts,
			"initiatedAt": one.initiatedAt.UTC().Format(time.RFC3339),
		})
	}
	return writeJSON(w, http.StatusOK, map[string]any{"uploads": views})
}
