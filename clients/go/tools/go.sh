# Finds Go, for the scripts of this folder. They run in clients/go.
# shellcheck shell=bash
cache="${XDG_CACHE_HOME:-$HOME/.cache}/persona-ci"
if ! command -v go >/dev/null && [ -x /usr/local/go/bin/go ]; then
  PATH="$PATH:/usr/local/go/bin"
fi
need="$(awk '$1 == "go" { print $2 }' go.mod)"
have="$(go env GOVERSION 2>/dev/null | sed 's/^go//' || true)"
if [ -z "$have" ] || [ "$(printf '%s\n%s\n' "$need" "$have" | sort -V | head -n 1)" != "$need" ]; then
  echo "clients/go: go $need or newer is missing (found: ${have:-none}); install it from go.dev, or your system's golang package" >&2
  exit 69
fi
