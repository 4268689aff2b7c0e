# Sourced by the other scripts: finds the project, a JDK 25 and the build tools, or says in one line what is missing.
set -euo pipefail

project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

fail() {
    echo "cloze: $*" >&2
    exit 1
}

is_jdk_25() {
    [ -x "$1/bin/javac" ] && grep -qE '^JAVA_VERSION="(2[5-9]|[3-9][0-9])' "$1/release" 2>/dev/null
}

find_jdk() {
    local candidate
    for candidate in "${JAVA_HOME:-}" /usr/lib/jvm/*25* /usr/lib/jvm/* /opt/*jdk* "${HOME:-}"/.sdkman/candidates/java/* \
        "${HOME:-}"/.jdks/* /Library/Java/JavaVirtualMachines/*/Contents/Home; do
        if [ -n "$candidate" ] && is_jdk_25 "$candidate"; then
            export JAVA_HOME=$candidate
            return
        fi
    done
    fail "needs a JDK 25: install Temurin 25 (package temurin-25-jdk, or adoptium.net) or set JAVA_HOME to one"
}

need() {
    command -v "$1" >/dev/null || fail "needs $1: $2"
}

# Without a locale Java takes arguments, paths and output for ASCII: a container has none, and one that is not installed counts
# as none.
if [[ "$(locale charmap 2>/dev/null || echo none)" =~ ^(ANSI_X3.4-1968|US-ASCII|none)$ ]]; then
    export LC_ALL=C.UTF-8
fi

find_jdk
