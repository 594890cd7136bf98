# The npm dependencies, exactly as the lockfile has them, and with them the Node that runs everything else.

setup_npm() {
  cd "$repo"
  if node scripts/setup/npm-current.mjs >/dev/null && current_node; then
    outcome='ok, cached'
    return
  fi
  note "installing (a minute or two)"
  # Not `npm ci`: it refuses a lockfile made with a registry that lacks packages of other platforms. What was
  # installed is compared with the lockfile instead.
  logged npm install --no-save --no-audit --no-fund || fail "npm install ended with an error" "see its log" \
    "check that the npm registry can be reached: npm ping"
  logged node scripts/setup/npm-current.mjs || fail "node_modules is not what package-lock.json says" \
    "see the log for the packages" "run \`npm install\` and commit the lockfile that it writes"
  install_node
}

# The package `node` brings its binary by an install script, which some npm settings forbid.
install_node() {
  current_node && return
  (cd node_modules/node && logged node installArchSpecificPackage.js) || true
  current_node || fail "node_modules holds no current Node" \
    "the npm package \`node\` could not install its binary" \
    "see its log; or put Node ≥ 22.18 first on PATH"
}

# Node ≥ 22.18 runs TypeScript as it is; the launcher looks for it in the same two places.
current_node() {
  local candidate version
  for candidate in "$repo/node_modules/.bin/node" node; do
    version=$("$candidate" --version 2>/dev/null | tr -d v) || continue
    if at_least "$version" 22.18; then
      node24=$candidate
      return 0
    fi
  done
  return 1
}
