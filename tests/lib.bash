# Functions that the scripts share. This file is sourced, not run.
# shellcheck shell=bash

say() {
    printf '==> %s\n' "$*"
}

die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# The packages that are missing, by `need`.
packages=()

# need COMMAND PACKAGE: adds the package of a command that is not installed.
need() {
    command -v "$1" >/dev/null || PATH="$PATH:/usr/sbin:/sbin" command -v "$1" >/dev/null ||
        packages+=("$2")
}

# Adds the compilers and OpenSSL: SQLite and ring are C, libFuzzer is C++, and TLS is the system's
# OpenSSL.
need_build_tools() {
    command -v cargo >/dev/null || die "Rust is not installed: see https://rustup.rs"
    need cc build-essential
    need c++ g++
    need pkg-config pkg-config
    pkg-config --exists openssl 2>/dev/null || packages+=(libssl-dev)
}

# Installs the missing packages, or prints their names and ends if it cannot.
install_missing() {
    ((${#packages[@]})) || return 0
    local as_root=()
    if ! command -v apt-get >/dev/null; then
        die "please install these (names of Debian packages): ${packages[*]}"
    elif ((EUID != 0)); then
        command -v sudo >/dev/null || die "please run as root: apt-get install ${packages[*]}"
        as_root=(sudo)
    fi
    say "Installing ${packages[*]} with apt-get"
    without_starting_services "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive sh -c '
        apt-get update -q
        apt-get install -qy --no-install-recommends "$@"' sh "${packages[@]}"
}

# Runs a command with a policy that starts no services: the tests need the programs of a package and
# not its daemon. If the machine has its own policy, that one is used.
without_starting_services() {
    local policy=/usr/sbin/policy-rc.d status=0
    if [[ -e $policy ]]; then
        "$@"
        return
    fi
    local as_root=()
    [[ $1 != sudo ]] || as_root=(sudo)
    # The folder of the policy is expanded now. The file must be removed however the script ends.
    # shellcheck disable=SC2064
    trap "${as_root[*]} rm -f $policy" EXIT
    # shellcheck disable=SC2016
    "${as_root[@]}" sh -c 'printf "#!/bin/sh\nexit 101\n" >"$1" && chmod 755 "$1"' sh "$policy"
    "$@" || status=$?
    "${as_root[@]}" rm -f "$policy"
    trap - EXIT
    return "$status"
}
