# The base images: OCI image layouts in the cache, which servers import when they start.

setup_images() {
  local key
  key=$(images_key)
  if [ -z "$refresh_images" ] && images_current "$key"; then
    outcome="ok, cached$(substitution)"
    return
  fi
  current_node || fail "no Node ≥ 22.18 for images/build.ts" "the npm step has not run" "scripts/setup.sh npm images"
  if [ -n "$refresh_images" ]; then rm -f "$cache/images/catalog.json" "$cache"/images/*/index.json; fi
  note "building (about a minute)"
  logged "$node24" --disable-warning=ExperimentalWarning "$repo/images/build.ts" \
    --cache "$cache/images" --key "$key" || fail \
    "the base images cannot be built" "see the end of the log" \
    "check that the package archive can be reached (ATOLL_DEBIAN_MIRROR names another), then run it again"
  outcome="ok$(substitution)"
}

images_key() {
  cd "$repo/images"
  {
    uname -m
    # Images that are built on demand have keys of their own.
    find . -path ./on-demand -prune -o -type f ! -name '*.test.ts' ! -name '*.md' -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
  } | sha256sum | cut -c1-32
}

# The catalog is written last, so what it lists is complete; a folder that someone deleted is built again.
images_current() {
  local catalog="$cache/images/catalog.json" layout
  grep -qs "\"recipeKey\": \"$1\"" "$catalog" || return 1
  for layout in $(sed -n 's/.*"layout": "\(.*\)".*/\1/p' "$catalog"); do
    [ -f "$cache/images/$layout/index.json" ] || return 1
  done
}

substitution() {
  local name
  name=$(sed -n 's/.*"substitutedFor": "\(.*\)".*/\1/p' "$cache/images/catalog.json" | head -n 1)
  if [ -n "$name" ]; then echo "; Debian stands in for $name"; fi
}
