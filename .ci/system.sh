#!/bin/sh
# Installs the few Debian packages that Python packages cannot bring: venv support, the OpenMP runtime of LightGBM
# and, for the long tests, Chromium (`browser`), Java 17 and a PostgreSQL server (`engines`). Does nothing where they
# are there; says what to install where it may not.
set -eu

missing=""
python3 -c 'import ensurepip, venv' 2>/dev/null || missing="$missing python3-venv"
ldconfig -p 2>/dev/null | grep -q 'libgomp\.so\.1' || ls /usr/lib/*/libgomp.so.1 >/dev/null 2>&1 || missing="$missing libgomp1"
for wanted in "$@"; do
    case "$wanted" in
        browser) [ -x /usr/bin/chromium ] || missing="$missing chromium" ;;
        engines)
            command -v java >/dev/null 2>&1 || missing="$missing openjdk-17-jre-headless"
            ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$missing postgresql"
            ;;
    esac
done
[ -z "$missing" ] && exit 0

if [ "$(id -u)" != 0 ]; then
    if command -v sudo >/dev/null 2>&1; then SUDO=sudo; else
        echo "These Debian packages are needed; install them, then run again: apt-get install$missing" >&2
        exit 1
    fi
fi
echo "Installing$missing"
${SUDO:-} apt-get update -qq
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive ${SUDO:-} apt-get install -y -qq --no-install-recommends $missing >/dev/null
