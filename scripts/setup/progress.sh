# One line a step: what it is, how it ended, how long it took. The output of programs goes to a log file.

step_number=0
outcome=
log=

now_ms() { echo $((${EPOCHREALTIME/[.,]/} / 1000)); }

seconds_since() {
  local ms=$(($(now_ms) - $1))
  printf '%d.%d s' $((ms / 1000)) $((ms % 1000 / 100))
}

begin_setup() {
  setup_started=$(now_ms)
  need_folder "$build" "sudo make setup, or make the checkout your own: chown -R \$USER $repo"
  need_folder "$cache/log" "sudo make setup, or set ATOLL_CACHE_DIR to a folder of your own"
  log="$cache/log/setup.log"
  take_locks
  trap 'explain_failure $?' ERR
  trap 'printf "\ninterrupted; what was complete is kept, run it again to go on\n" >&2; trap - EXIT; exit 130' INT TERM
}

need_folder() {
  if ! mkdir -p "$1" 2>/dev/null || [ ! -w "$1" ]; then
    fail "cannot write to $1" "user $(id -un) has no right to" "$2"
  fi
}

run_step() {
  step_number=$((step_number + 1))
  outcome=ok
  log="$cache/log/$1.log"
  : >"$log"
  local started
  started=$(now_ms)
  printf '[%d/%d] %s … ' "$step_number" "${#steps[@]}" "$(title_of "$1")"
  "setup_$1"
  printf '%s (%s)\n' "$outcome" "$(seconds_since "$started")"
}

end_setup() { printf 'set-up is complete (%s)\n' "$(seconds_since "$setup_started")"; }

title_of() {
  case $1 in
    machine) echo 'this machine' ;;
    packages) echo 'packages of the system' ;;
    npm) echo 'npm dependencies' ;;
    agent) echo 'agent' ;;
    console) echo 'web console' ;;
    runsc) echo 'runsc (gVisor)' ;;
    images) echo 'base images' ;;
    test-tools) echo 'tools for tests' ;;
  esac
}

# Says what a step does when it is going to take a while.
note() { printf '%s … ' "$1"; }

# Runs a program of which only the end matters, and only if it fails.
logged() {
  printf '+ %s\n' "$*" >>"$log"
  "$@" >>"$log" 2>&1 </dev/null
}

# fail WHAT WHY NEXT: the three things that a reader needs.
fail() {
  trap - ERR
  if [ "$step_number" -gt 0 ]; then echo failed; fi
  printf '\n  %s\n  why:  %s\n  next: %s\n' "$1" "$2" "$3" >&2
  if [ -s "${log:-}" ]; then
    printf '\n  the end of %s:\n' "$log" >&2
    tail -n 15 "$log" | sed 's/^/    /' >&2
  fi
  exit 1
}

# For a command that no step expects to fail.
explain_failure() {
  fail "a command of this step ended with status $1" "see the end of its log" \
    "repair what it names and run the set-up again; it goes on where it stopped"
}
