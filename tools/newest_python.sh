#!/bin/sh
# Prints the newest CPython of this machine that meterize supports, or, with --all, "VERSION PATH" for each supported version found.
#
# Looks in PATH (python3.14, …, python3, python) and among pyenv's versions; with --all also at what tools/python314.sh has fetched
# before. PYTHON=… overrules the search (not with --all).
# Exit 1, with the reason on stderr, when there is none.
set -u

SUPPORTED="3.14 3.13 3.12 3.11" # newest first; tests/architecture holds it to meterize.cpython

# "VERSION MICRO STATE EXECUTABLE" of an interpreter, or nothing if it does not run.
describe() {
    "$1" -c '
import sys
version = "%d.%d %d" % (sys.version_info[0], sys.version_info[1], sys.version_info[2])
def can(*names):
    try:
        for name in names:
            __import__(name)
    except ImportError:
        return False
    return True
state = "ok"
if sys.version_info[0] < 3 or sys.implementation.name != "cpython":
    state = "no-cpython"
elif not getattr(sys, "_is_gil_enabled", lambda: True)():
    state = "free-threaded"
elif not can("venv") or not (can("ensurepip") or can("pip")):
    state = "no-pip"
print(version + " " + state + " " + sys.executable)
' 2>/dev/null
}

is_supported() {
    case " $SUPPORTED " in *" $1 "*) return 0 ;; *) return 1 ;; esac
}

# Prints the executable of $1 if that is a usable CPython $2.
usable() {
    description=$(describe "$1") || return 1
    case $description in
        "$2 "*" ok "*) printf '%s\n' "${description#* * * }" ;;
        *) return 1 ;;
    esac
}

# Prints the newest patch release of $1 among pyenv's versions.
in_pyenv() {
    root=$(pyenv root 2>/dev/null) || root=${PYENV_ROOT:-$HOME/.pyenv}
    best= best_micro=-1
    for candidate in "$root"/versions/"$1".*/bin/python; do
        [ -x "$candidate" ] || continue
        found=$(usable "$candidate" "$1") || continue
        micro=$(describe "$candidate" | cut -d' ' -f2)
        if [ "$micro" -gt "$best_micro" ]; then best=$found best_micro=$micro; fi
    done
    [ -n "$best" ] && printf '%s\n' "$best"
}

# Prints an interpreter of version $1.
find_version() {
    for name in "python$1" python3 python; do
        command -v "$name" >/dev/null 2>&1 || continue
        usable "$name" "$1" && return 0
    done
    in_pyenv "$1"
}

# Prints the interpreter of version $1 that tools/python314.sh has fetched: nobody gets it without having asked for it.
fetched() {
    [ "$1" = 3.14 ] || return 1
    path=$(sh "${0%/*}/python314.sh" --fetched 2>/dev/null) && usable "$path" "$1"
}

check_chosen() {
    description=$(describe "$PYTHON") || {
        echo "PYTHON=$PYTHON does not run." >&2
        return 1
    }
    version=${description%% *}
    state=$(printf '%s\n' "$description" | cut -d' ' -f3)
    if ! is_supported "$version" || [ "$state" = no-cpython ]; then
        echo "PYTHON=$PYTHON is Python $version; meterize runs on CPython $SUPPORTED." >&2
        return 1
    fi
    if [ "$state" = free-threaded ]; then
        echo "PYTHON=$PYTHON (Python $version) has no GIL; meterize runs on builds with one." >&2
        return 1
    fi
    if [ "$state" = no-pip ]; then
        echo "PYTHON=$PYTHON (Python $version) has neither pip nor ensurepip: install pip for it (Debian: python3-pip or python3-venv)." >&2
        return 1
    fi
    printf '%s\n' "${description#* * * }"
}

if [ "${1:-}" = --all ]; then
    status=1
    for version in $SUPPORTED; do
        path=$(find_version "$version" || fetched "$version") && printf '%s %s\n' "$version" "$path" && status=0
    done
    exit $status
fi

if [ -n "${PYTHON:-}" ]; then
    check_chosen
    exit
fi

for version in $SUPPORTED; do
    find_version "$version" && exit 0
done

{
    echo "No usable Python found: meterize runs on CPython $SUPPORTED, with pip."
    for name in python3 python; do
        if description=$(describe "$name"); then
            echo "  $name here is $(printf '%s\n' "$description" | cut -d' ' -f1,3 | sed 's/ ok$//; s/ no-pip$/, without pip/')"
        fi
    done
    echo "Install one, or name it: make … PYTHON=/path/to/python3.14"
} >&2
exit 1
