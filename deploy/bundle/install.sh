#!/bin/sh
# Installs one of the programs, or a newer version of it, from this bundle alone: no network, no other source.
#   sh install.sh server | camera | notifier | console | gateway | postgresql
# It takes what SHA256SUMS names, and refuses a bundle with anything more; whether that list is genuine, minisign has to
# say before (docs/installing-offline.md).
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
postgresql) packages="postgresql" ;;
*) fail "say what this machine is: sh $0 server, camera, notifier, console, gateway or postgresql" ;;
esac
[ "$(id -u)" = 0 ] || fail "only root installs packages: sudo sh $0 $1"
bundle=$(cd "$(dirname "$0")/.." && pwd)
wanted=$(cat "$bundle/debian/CODENAME")
here=$(. /etc/os-release && echo "${VERSION_CODENAME-unknown}")
[ "$here" = "$wanted" ] || fail "these packages are for Debian $wanted, and this is $here"

cd "$bundle"
# What is compared is what is installed: a copy, which nobody else can change and which has nothing else in it.
copy=$(mktemp -d /var/tmp/cekalwatch-bundle.XXXXXX)
trap 'rm -rf "$copy"' EXIT
mkdir -p "$copy/debian" "$copy/lists/partial"
cp SHA256SUMS "$copy"
cut -c 67- "$copy/SHA256SUMS" | sort >"$copy/named"
more=$(find . ! -type d ! -path ./SHA256SUMS ! -path ./SHA256SUMS.minisig ! -path ./cekalwatch.pub | cut -c 3- | sort | comm -23 - "$copy/named")
[ -z "$more" ] || fail "SHA256SUMS does not name these files, and nothing was installed: ask who gave you the bundle
$more"
echo "Comparing the packages with SHA256SUMS"
grep '^debian/[^/]*$' "$copy/named" | while read -r name; do cp "$name" "$copy/$name" 2>/dev/null || true; done
(cd "$copy" && grep '  debian/' SHA256SUMS | sha256sum --check --strict --quiet) ||
    fail "files differ from SHA256SUMS, or are missing: nothing was installed. Copy the bundle again, or ask who gave it to you"

echo "deb [signed-by=$copy/debian/archive-key.asc] file:$copy/debian ./" >"$copy/bundle.list"
offline() {
    DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends -o Dir::Etc::SourceList="$copy/bundle.list" \
        -o Dir::Etc::SourceParts=- -o Dir::State::Lists="$copy/lists" -o Dir::Cache::PkgCache= -o Dir::Cache::SrcPkgCache= \
        -o APT::Sandbox::User=root -o APT::Get::List-Cleanup=0 "$@"
}
offline update
# shellcheck disable=SC2086  # several names
offline install $packages || fail "apt could not install all of it; what it says is above. Mend it, and run this again"
echo
echo "$1 is installed. How to set it up: $bundle/docs/install.md"
