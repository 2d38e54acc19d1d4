#!/bin/sh
# Installs mailpull from the folder of this script: the program, its manual, completions for bash, fish and
# zsh, units for systemd, the documents and an example of the configuration.
# usage: ./install.sh [--prefix DIR] [--uninstall]
#   --prefix DIR  installs below DIR; default: /usr/local for root, ~/.local for others
#   --uninstall   removes what this script has installed there; mail, configuration and state stay
# The variable DESTDIR is put before each path, for those who make packages.
set -eu

from=$(cd "$(dirname "$0")" && pwd)
uninstall=0
prefix=
while [ $# -gt 0 ]; do
    case $1 in
    --prefix)
        [ $# -ge 2 ] || { echo "install.sh: --prefix needs a folder" >&2; exit 64; }
        prefix=$2
        shift
        ;;
    --prefix=*) prefix=${1#--prefix=} ;;
    --uninstall) uninstall=1 ;;
    *)
        echo "install.sh: unknown option $1: see the first lines of the script" >&2
        exit 64
        ;;
    esac
    shift
done
if [ -z "$prefix" ]; then
    if [ "$(id -u)" = 0 ]; then prefix=/usr/local; else prefix=$HOME/.local; fi
fi
case $prefix in
/*) ;;
*)
    echo "install.sh: the prefix must begin with /: $prefix" >&2
    exit 64
    ;;
esac
prefix=${prefix%/}

# put MODE SOURCE TARGET: installs a file, or removes it. A program that runs keeps its old file.
put() {
    if [ "$uninstall" = 1 ]; then
        rm -f "${DESTDIR-}$3"
        return
    fi
    mkdir -p "$(dirname "${DESTDIR-}$3")"
    cp "$2" "${DESTDIR-}$3.new"
    chmod "$1" "${DESTDIR-}$3.new"
    mv -f "${DESTDIR-}$3.new" "${DESTDIR-}$3"
}

# put_unit SOURCE TARGET: installs a unit that runs the program of this prefix. Its first lines no longer say
# to copy it.
put_unit() {
    unit=$(mktemp)
    sed -e "s|%h/\.cargo/bin/mailpull|$prefix/bin/mailpull|" \
        -e "s|/usr/local/bin/mailpull|$prefix/bin/mailpull|" \
        -e '/^# The path after cargo install\./d' \
        -e '/^#   cp mailpull/d' \
        -e 's/Install it as/Enable it as/' "$1" >"$unit"
    put 644 "$unit" "$2"
    rm -f "$unit"
}

put 755 "$from/bin/mailpull" "$prefix/bin/mailpull"
put 644 "$from/man/mailpull.1" "$prefix/share/man/man1/mailpull.1"
put 644 "$from/completions/mailpull.bash" "$prefix/share/bash-completion/completions/mailpull"
put 644 "$from/completions/mailpull.fish" "$prefix/share/fish/vendor_completions.d/mailpull.fish"
put 644 "$from/completions/_mailpull" "$prefix/share/zsh/site-functions/_mailpull"

# systemd looks for a user's own units in ~/.local/share.
case $prefix in
"${HOME-}"/*) user_units=$prefix/share/systemd/user ;;
*) user_units=$prefix/lib/systemd/user ;;
esac
for unit in "$from"/systemd/user/*; do
    put_unit "$unit" "$user_units/${unit##*/}"
done
if [ "$user_units" = "$prefix/lib/systemd/user" ]; then
    for unit in "$from"/systemd/system/*; do
        put_unit "$unit" "$prefix/lib/systemd/system/${unit##*/}"
    done
    put 644 "$from/systemd/sysusers.conf" "$prefix/lib/sysusers.d/mailpull.conf"
fi

for file in "$from"/doc/*; do
    [ ! -f "$file" ] || put 644 "$file" "$prefix/share/doc/mailpull/${file##*/}"
done
for file in "$from"/doc/docs/*; do
    put 644 "$file" "$prefix/share/doc/mailpull/docs/${file##*/}"
done
put 644 "$from/examples/config.toml" "$prefix/share/doc/mailpull/examples/config.toml"

if [ "$uninstall" = 1 ]; then
    rmdir "${DESTDIR-}$prefix/share/doc/mailpull/docs" "${DESTDIR-}$prefix/share/doc/mailpull/examples" \
        "${DESTDIR-}$prefix/share/doc/mailpull" 2>/dev/null || true
    exit 0
fi
[ -z "${DESTDIR-}" ] || exit 0
echo "Installed $prefix/bin/mailpull. Set up an account: mailpull account add"
case :$PATH: in
*":$prefix/bin:"*) ;;
*) echo "Add $prefix/bin to your PATH first: it is not there." ;;
esac
