# The web console as the server hands it out: built again when what it is made of changes.

setup_console() {
  local key
  key=$(console_key)
  if [ -f "$build/console/index.html" ] && [ "$(cat "$build/console.key" 2>/dev/null)" = "$key" ]; then
    outcome='ok, cached'
    return
  fi
  note building
  rm -rf "$build/.console.partial"
  (cd "$repo/console" && logged "${node24:-node}" "$repo/node_modules/vite/bin/vite.js" build \
    --outDir "$build/.console.partial" --emptyOutDir) || fail \
    'the console does not build' "see the end of the log" "cd console && npx vite build"
  # A page that is open asks for the parts that it was built with: those of the build before stay for it.
  if [ -d "$build/console/assets" ]; then
    find "$build/console/assets" -type f -mtime +7 -delete
    cp -an "$build/console/assets/." "$build/.console.partial/assets/"
  fi
  rm -rf "$build/.console.old"
  [ ! -e "$build/console" ] || mv "$build/console" "$build/.console.old"
  mv "$build/.console.partial" "$build/console"
  rm -rf "$build/.console.old"
  echo "$key" >"$build/console.key"
}

console_key() {
  cd "$repo"
  {
    find console sdk/src protocol/src -type f -not -path '*/node_modules/*' -not -name '*.test.ts*' -print0
    printf '%s\0' package-lock.json sdk/package.json
  } | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -d' ' -f1
}
