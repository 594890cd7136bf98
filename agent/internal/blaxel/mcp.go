package blaxel

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
)

// Codes of JSON-RPC 2.0.
const (
	rpcParseError     = -32700
	rpcInvalidRequest = -32600
	rpcNoMethod       = -32601
	rpcInvalidParams  = -32602
)

// mcpVersions are those of the Model Context Protocol whose requests are all answered, the newest first.
var mcpVersions = []string{"2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"}

type rpcRequest struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Method  string          `json:"method"`
	Params  json.RawMessage `json:"params"`
}

type rpcError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

func (e *rpcError) Error() string { return e.Message }

type rpcReply struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Result  any             `json:"result,omitempty"`
	Error   *rpcError       `json:"error,omitempty"`
}

// mcp speaks the Model Context Protocol over HTTP without sessions: each request is answered by one JSON body.
func (s *Server) mcp(w http.ResponseWriter, r *request) error {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", "POST")
		return &failure{http.StatusMethodNotAllowed, "this server has no streams of its own: POST requests"}
	}
	var body json.RawMessage
	if err := readJSON(w, r, maxTreeBytes, &body); err != nil {
		return s.replyRPC(w, http.StatusBadRequest, &rpcReply{Error: &rpcError{rpcParseError, err.Error()}})
	}
	if bytes.HasPrefix(bytes.TrimSpace(body), []byte("[")) {
		return s.mcpBatch(w, r, body)
	}
	reply := s.answerRPC(r.Context(), body)
	if reply == nil {
		w.WriteHeader(http.StatusAccepted)
		return nil
	}
	return s.replyRPC(w, http.StatusOK, reply)
}

func (s *Server) replyRPC(w http.ResponseWriter, status int, reply *rpcReply) error {
	reply.Version = "2.0"
	if reply.ID == nil {
		reply.ID = json.RawMessage("null")
	}
	return writeJSON(w, status, reply)
}

// maxBatch bounds the requests of a batch, which older versions of the protocol have.
const maxBatch = 100

func (s *Server) mcpBatch(w http.ResponseWriter, r *request, body json.RawMessage) error {
	var requests []json.RawMessage
	if err := json.Unmarshal(body, &requests); err != nil || len(requests) == 0 || len(requests) > maxBatch {
		return s.replyRPC(w, http.StatusBadRequest, &rpcReply{Error: &rpcError{rpcInvalidRequest, "a batch has 1 to 100 requests"}})
	}
	replies := []*rpcReply{}
	for _, one := range requests {
		if reply := s.answerRPC(r.Context(), one); reply != nil {
			reply.Version = "2.0"
			replies = append(replies, reply)
		}
	}
	if len(replies) == 0 {
		w.WriteHeader(http.StatusAccepted)
		return nil
	}
	return writeJSON(w, http.StatusOK, replies)
}

// answerRPC is nil for what wants no answer: notifications, and answers to questions that nobody asked.
func (s *Server) answerRPC(ctx context.Context, body json.RawMessage) *rpcReply {
	var request rpcRequest
	if json.Unmarshal(body, &request) != nil || request.Version != "2.0" {
		return &rpcReply{ID: json.RawMessage("null"), Error: &rpcError{rpcInvalidRequest, "not a request of JSON-RPC 2.0"}}
	}
	if request.ID == nil || request.Method == "" {
		return nil
	}
	result, err := s.callRPC(ctx, request)
	reply := &rpcReply{ID: request.ID, Result: result}
	if err != nil && !errors.As(err, &reply.Error) {
		reply.Error = &rpcError{rpcInvalidParams, err.Error()}
	}
	if reply.Error != nil {
		reply.Result = nil
	}
	return reply
}

func (s *Server) callRPC(ctx context.Context, request rpcRequest) (any, error) {
	switch request.Method {
	case "initialize":
		return s.initialize(request.Params)
	case "ping":
		return struct{}{}, nil
	case "tools/list":
		return map[string]any{"tools": toolList()}, nil
	case "tools/call":
		return s.callTool(ctx, request.Params)
	}
	return nil, &rpcError{rpcNoMethod, "no method " + request.Method}
}

func (s *Server) initialize(params json.RawMessage) (any, error) {
	var asked struct {
		ProtocolVersion string `json:"protocolVersion"`
	}
	if err := json.Unmarshal(params, &asked); err != nil {
		return nil, err
	}
	version := mcpVersions[0]
	if slices.Contains(mcpVersions, asked.ProtocolVersion) {
		version = asked.ProtocolVersion
	}
	return map[string]any{
		"protocolVersion": version,
		"capabilities":    map[string]any{"tools": struct{}{}},
		"serverInfo":      map[string]string{"name": "sandbox-api", "version": s.options.Version},
	}, nil
}

type toolResult struct {
	Content    []toolText `json:"content"`
	Structured any        `json:"structuredContent,omitempty"`
	IsError    bool       `json:"isError,omitempty"`
}

type toolText struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

// callTool tells a model what went wrong as the result of the tool: it can do something about that.
func (s *Server) callTool(ctx context.Context, params json.RawMessage) (any, error) {
	var asked struct {
		Name      string          `json:"name"`
		Arguments json.RawMessage `json:"arguments"`
	}
	if err := json.Unmarshal(params, &asked); err != nil {
		return nil, err
	}
	known := slices.IndexFunc(tools, func(one tool) bool { return one.name == asked.Name })
	if known < 0 {
		return nil, &rpcError{rpcInvalidParams, "no tool " + asked.Name}
	}
	if len(asked.Arguments) == 0 {
		asked.Arguments = json.RawMessage("{}")
	}
	result, err := tools[known].run(ctx, s, asked.Arguments)
	if err != nil {
		return toolResult{Content: []toolText{{"text", fileFailure(err).Error()}}, IsError: true}, nil
	}
	text, err := json.Marshal(result)
	if err != nil {
		return nil, err
	}
	return toolResult{Content: []toolText{{"text", string(text)}}, Structured: result}, nil
}
