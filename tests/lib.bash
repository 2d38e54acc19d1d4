# Words that the scripts of the tests share. Sourced, not run.
# shellcheck shell=bash

say() {
    printf '==> %s\n' "$*"
}

die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# What `need` found missing.
packages=()

# need COMMAND PACKAGE: notes the package of a command that is not there.
need() {
    command -v "$1" >/dev/null || PATH="$PATH:/usr/sbin:/sbin" command -v "$1" >/dev/null ||
        packages+=("$2")
}

# What it takes to compile: SQLite and ring are C, libFuzzer is C++, and TLS is the system's OpenSSL.
need_build_tools() {
    command -v cargo >/dev/null || die "there is no Rust toolchain: see https://rustup.rs"
    need cc build-essential
    need c++ g++
    need pkg-config pkg-config
    pkg-config --exists openssl 2>/dev/null || packages+=(libssl-dev)
}

# Installs what is missing, or says what to install and ends.
install_missing() {
    ((${#packages[@]})) || return 0
    local as_root=()
    if ! command -v apt-get >/dev/null; then
        die "please install what Debian calls ${packages[*]}"
    elif ((EUID != 0)); then
        command -v sudo >/dev/null || die "please run as root: apt-get install ${packages[*]}"
        as_root=(sudo)
    fi
    say "Installing ${packages[*]} with apt-get"
    without_starting_services "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive sh -c '
        apt-get update -q
        apt-get install -qy --no-install-recommends "$@"' sh "${packages[@]}"
}

# Runs a command with a policy that no service is started: a test wants the programs of a package
# and not its daemon. Where the machine has a policy of its own, that one stays.
without_starting_services() {
    local policy=/usr/sbin/policy-rc.d status=0
    if [[ -e $policy ]]; then
        "$@"
        return
    fi
    local as_root=()
    [[ $1 != sudo ]] || as_root=(sudo)
    # Now, not at the end: what is placed here must go however the script ends.
    # shellcheck disable=SC2064
    trap "${as_root[*]} rm -f $policy" EXIT
    # shellcheck disable=SC2016
    "${as_root[@]}" sh -c 'printf "#!/bin/sh\nexit 101\n" >"$1" && chmod 755 "$1"' sh "$policy"
    "$@" || status=$?
    "${as_root[@]}" rm -f "$policy"
    trap - EXIT
    return "$status"
}
