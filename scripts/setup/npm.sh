# The npm dependencies, exactly as the lockfile has them, and with them the Node that runs everything else.

setup_npm() {
  cd "$repo"
  if node scripts/setup/npm-current.mjs && current_node; then
    outcome='ok, cached'
    return
  fi
  note "installing (a minute or two)"
  logged npm ci --no-audit --no-fund || fail "npm ci ended with an error" "see its log" \
    "check that the npm registry can be reached: npm ping"
  # The package `node` brings its binary by an install script, which some npm settings forbid.
  current_node || logged npm rebuild node --foreground-scripts || true
  current_node || fail "node_modules holds no current Node" \
    "the npm package \`node\` could not install its binary (are install scripts switched off?)" \
    "npm config get ignore-scripts; or put Node ≥ 22.18 first on PATH"
}

# Node ≥ 22.18 runs TypeScript as it is; the launcher looks for it in the same two places.
current_node() {
  local candidate
  for candidate in "$repo/node_modules/.bin/node" node; do
    if at_least "$("$candidate" --version 2>/dev/null | tr -d v)" 22.18; then
      node24=$candidate
      return 0
    fi
  done
  return 1
}
