#!/usr/bin/env bash
# Tests of the agent. A run that passes says so in one line: what fails is not to be looked for among what does not.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../agent"

go vet ./...
if output=$(go test ./... 2>&1); then
  echo "agent: $(grep -c '^ok' <<<"$output") packages passed"
else
  grep -v -e '^ok ' -e 'no test files' <<<"$output"
  exit 1
fi
