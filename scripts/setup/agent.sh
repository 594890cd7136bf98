# The agent: a static binary, built again when its sources or the Go version change.

setup_agent() {
  local key
  key=$(agent_key)
  if [ -x "$build/atoll-agent" ] && [ "$(cat "$build/atoll-agent.key" 2>/dev/null)" = "$key" ]; then
    outcome='ok, cached'
    return
  fi
  [ -f "$repo/agent/cmd/atoll-agent/main.go" ] || fail "agent/cmd/atoll-agent is missing" \
    "this checkout is incomplete" "git status"
  note building
  (cd "$repo/agent" && CGO_ENABLED=0 logged go build -trimpath -ldflags '-s -w' \
    -o "$build/.atoll-agent.partial" ./cmd/atoll-agent) || fail \
    "the agent does not build" "see the compiler's output" "cd agent && go build ./..."
  mv "$build/.atoll-agent.partial" "$build/atoll-agent"
  echo "$key" >"$build/atoll-agent.key"
}

agent_key() {
  cd "$repo/agent"
  {
    go env GOVERSION GOARCH
    find . -type f \( -name '*.go' -o -name 'go.*' \) ! -name '*_test.go' -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
    find . -type f -path '*/embed/*' -print0 | LC_ALL=C sort -z | xargs -0r sha256sum
  } | sha256sum | cut -d' ' -f1
}
