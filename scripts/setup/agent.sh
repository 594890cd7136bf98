# The programs in Go: static binaries, built again when their sources or the Go version change.

go_programs='atoll-agent atoll-idmap'

setup_agent() {
  local key program
  key=$(agent_key)
  if has_programs && [ "$(cat "$build/agent.key" 2>/dev/null)" = "$key" ]; then
    outcome='ok, cached'
    return
  fi
  [ -f "$repo/agent/cmd/atoll-agent/main.go" ] || fail "agent/cmd/atoll-agent is missing" \
    "this checkout is incomplete" "git status"
  note building
  for program in $go_programs; do build_program "$program"; done
  echo "$key" >"$build/agent.key"
}

has_programs() {
  local program
  for program in $go_programs; do [ -x "$build/$program" ] || return 1; done
}

build_program() {
  (cd "$repo/agent" && CGO_ENABLED=0 logged go build -trimpath -ldflags '-s -w' \
    -o "$build/.$1.partial" "./cmd/$1") || fail \
    "$1 does not build" "see the compiler's output" "cd agent && go build ./..."
  mv "$build/.$1.partial" "$build/$1"
}

agent_key() {
  cd "$repo/agent"
  {
    go env GOVERSION GOARCH
    find . -type f \( -name '*.go' -o -name 'go.*' \) ! -name '*_test.go' -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
    find . -type f -path '*/embed/*' -print0 | LC_ALL=C sort -z | xargs -0r sha256sum
  } | sha256sum | cut -d' ' -f1
}
