#!/bin/sh
# Replays a transcript: `sh client.sh TRANSCRIPT COMMAND...`; exits with 1 where an answer differs.
set -u
LC_ALL=C
export LC_ALL
transcript=$1
shift
folder=$(mktemp -d) || exit 2
trap 'rm -rf "$folder"' EXIT
mkfifo "$folder/in" "$folder/out" || exit 2

"$@" <"$folder/in" >"$folder/out" &
engine=$!
exec 3>"$folder/in" 4<"$folder/out"

normal() {
    sed -e 's/"elapsed_ms":[0-9][0-9]*/"elapsed_ms":0/g' \
        -e 's/"expected":"one of [^"]*"/"expected":"one of ..."/g' \
        -e 's/^< {"event":"hello",.*/< {"event":"hello"}/' \
        -e 's/^< {"event":"stats",.*/< {"event":"stats"}/'
}

while IFS= read -r line; do
    case $line in
    '> '*)
        printf '%s\n' "${line#> }" >&3
        printf '%s\n' "$line"
        ;;
    '< '*)
        answer=
        IFS= read -r answer <&4
        printf '< %s\n' "$answer"
        ;;
    *) printf '%s\n' "$line" ;;
    esac
done <"$transcript" >"$folder/heard"

exec 3>&-
while IFS= read -r answer; do printf '< %s\n' "$answer"; done <&4 >>"$folder/heard"
wait "$engine"
status=$?
[ "$status" -eq 0 ] || printf '# exit status %s\n' "$status" >>"$folder/heard"

normal <"$folder/heard" | diff "$transcript" -
