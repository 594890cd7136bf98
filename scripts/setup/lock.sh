# Two set-ups of one checkout or one cache take turns. The programs that a set-up starts inherit the locks: if
# the script itself is killed, the next one waits until the last of them has ended.

take_locks() {
  exec 8>"$build/.lock" 9>"$cache/.lock"
  take_lock 8 "$build"
  take_lock 9 "$cache"
}

take_lock() {
  flock --nonblock "$1" && return
  echo "another set-up works in $2; waiting for it"
  flock --timeout 1800 "$1" || fail \
    "no turn after 30 minutes" "another set-up holds the lock of $2" \
    "look for it with: fuser -v $2/.lock"
}
