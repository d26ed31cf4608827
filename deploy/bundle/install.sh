#!/bin/sh
# Installs one of the programs, or a newer version of it, from this bundle alone: no network, no other source.
#   sh install.sh server | camera | notifier | console | gateway
# What it takes is compared with SHA256SUMS first; whether that list is genuine, minisign has to say before
# (docs/installing-offline.md).
set -eu

fail() {
    echo "Error: $1" >&2
    exit 1
}

case "${1-}" in
server) packages="cekalwatch-server cekalwatch-models sudo" ;;
camera) packages="cekalwatch-camera cekalwatch-models sudo" ;;
notifier) packages="cekalwatch-notifier" ;;
console) packages="cekalwatch-console sudo" ;;
gateway) packages="cekalwatch-gateway sudo" ;;
*) fail "say what this machine is: sh $0 server, camera, notifier, console or gateway" ;;
esac
[ "$(id -u)" = 0 ] || fail "only root installs packages: sudo sh $0 $1"
bundle=$(cd "$(dirname "$0")/.." && pwd)
wanted=$(cat "$bundle/debian/CODENAME")
here=$(. /etc/os-release && echo "${VERSION_CODENAME-unknown}")
[ "$here" = "$wanted" ] || fail "these packages are for Debian $wanted, and this is $here"

cd "$bundle"
echo "Comparing the packages with SHA256SUMS"
grep '  debian/' SHA256SUMS | sha256sum --check --strict --quiet ||
    fail "files differ from SHA256SUMS, or are missing: nothing was installed. Copy the bundle again, or ask who gave it to you"

state=$(mktemp -d)
mkdir -p "$state/lists/partial"
trap 'rm -rf "$state"' EXIT
# The index has the hash of each package, and SHA256SUMS that of the index: no signature of apt's is needed.
echo "deb [trusted=yes] file:$(echo "$bundle/debian" | sed 's/%/%25/g; s/ /%20/g') ./" >"$state/bundle.list"
offline() {
    DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends -o Dir::Etc::SourceList="$state/bundle.list" \
        -o Dir::Etc::SourceParts=- -o Dir::State::Lists="$state/lists" -o Dir::Cache::PkgCache= -o Dir::Cache::SrcPkgCache= \
        -o APT::Sandbox::User=root -o APT::Get::List-Cleanup=0 "$@"
}
offline update
# shellcheck disable=SC2086  # several names
offline install $packages || fail "apt could not install all of it; what it says is above. Mend it, and run this again"
echo
echo "$1 is installed. How to set it up: $bundle/docs/install.md, or /usr/share/doc/cekalwatch-$1/install.md"
