# Sourced by the scripts beside it: $here, and $bin with the tools of requirements-dev.lock, kept in a cache folder.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export PYTHONPATH="$here/src" PYTHONDONTWRITEBYTECODE=1 PIP_DISABLE_PIP_VERSION_CHECK=1
python=${PYTHON:-python3}
if ! "$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
  echo "the Python client needs Python 3.10 or newer, with its venv module; install python3 and python3-venv" >&2
  exit 69
fi
of=$("$python" -c 'import hashlib, pathlib, platform, sys
print(platform.python_version(), hashlib.sha256(pathlib.Path(sys.argv[1]).read_bytes()).hexdigest()[:12], sep="-")' \
  "$here/requirements-dev.lock")
bin="${XDG_CACHE_HOME:-$HOME/.cache}/persona-ci/python-client-$of/bin"

# Fills the cache folder, unless it is full.
tools() {
  local venv=${bin%/bin}
  [ -e "$venv/complete" ] && return
  rm -rf "$venv"
  "$python" -m venv "$venv"
  "$bin/pip" install --quiet --require-hashes -r "$here/requirements-dev.lock"
  touch "$venv/complete"
}
