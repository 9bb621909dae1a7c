#!/bin/sh
# planted.sh [NAME...]: plants each bug of planted/ in a copy of the server's sources, and plays seeds until the simulator
# catches it. The first line of a script names what it edits, a file or two, and says what the bug is. Those of exercises
# 9 and 10 edit the sources with the handler of docs/answers, which is played in a mode of its own.
set -eu
cd "$(dirname "$0")"
OUT=${OUT:-../../build/sim}
SERVER=${SERVER:-../..}
MODES=${MODES:-echo chat}
SEEDS=${SEEDS:-4000}
passed=0
failed=0

# Prints the seed that caught it. Most need few, so all are tried with few first.
hunt() {
    make -s asan tsan OUT="$OUT" SERVER="$copy" NAME="-$name" >"$copy/make.log" 2>&1
    for seeds in $((SEEDS / 10)) "$SEEDS"; do
        for kind in asan tsan; do
            for mode in $modes; do
                "$OUT/sim-$kind-$name" --mode "$mode" --seeds "$seeds" --failures 1 >"$copy/$kind-$mode.log" 2>&1 && continue
                said=$(grep -aE '^sim: .*: |SUMMARY|Assertion' "$copy/$kind-$mode.log" | grep -v replay | head -n 1 | cut -c 1-120)
                seed=$(sed -n "s/^sim: $mode, seed \([0-9]*\) FAILED.*/\1/p" "$copy/$kind-$mode.log" | head -n 1)
                echo "$kind, $mode, seed $seed: ${said#sim: *ms, }"
                return 0
            done
        done
    done
    return 1
}

# The same seed is clean without the bug: what was caught is the bug.
sound() {
    kind=${1%%,*}
    rest=${1#*, }
    mode=${rest%%,*}
    number=${rest#*seed }
    "$OUT/sim-$kind-$base" --mode "$mode" --from "${number%%:*}" --seeds 1 >/dev/null 2>&1
}

# Prints the first of the files that the script left as it was.
left_alone() {
    for file in $files; do
        ! cmp -s "$OUT/planted/$base/$file" "$copy/$file" || { echo "$file" && return 0; }
    done
    return 1
}

# choose_base NAME: what the bug is planted in, and how that is played.
choose_base() {
    case $1 in
    exercise-9*) base=none-9 modes=upper ;;
    exercise-10*) base=none-10 modes=quiz ;;
    *) base=none modes=$MODES ;;
    esac
    [ -d "$OUT/planted/$base" ] || copy_base "${base#none-}"
}

# copy_base N: the sources with the answer to exercise N.
copy_base() {
    cp -R "$clean" "$OUT/planted/none-$1"
    sh ../scripts/exercise.sh answer "$1" "$(cd "$OUT/planted/none-$1" && pwd)"
    make -s asan tsan OUT="$OUT" SERVER="$OUT/planted/none-$1" NAME="-none-$1"
}

# One copy for all, whatever happens to the sources meanwhile.
clean=$OUT/planted/none
rm -rf "$OUT"/planted/none*
mkdir -p "$clean"
cp -R "$SERVER"/*.cpp "$SERVER"/Overlapped.h "$SERVER"/chat "$SERVER"/support "$clean"
make -s asan tsan OUT="$OUT" SERVER="$clean" NAME=-none
[ $# -gt 0 ] || set -- planted/*.sed
for script in "$@"; do
    script=planted/$(basename "$script" .sed).sed
    name=$(basename "$script" .sed)
    what=$(sed -n '1s/^# //p' "$script")
    files=${what%%:*}
    copy=$OUT/planted/$name
    choose_base "$name"
    rm -rf "$copy"
    mkdir -p "$copy"
    cp -R "$OUT/planted/$base"/* "$copy"
    (cd "$copy" && sed -i -f - $files) <"$script"
    echo "$name: ${what#*: }"
    if unchanged=$(left_alone); then
        echo "    NOT PLANTED: the script changes nothing in $unchanged"
        failed=$((failed + 1))
    elif ! make -s asan OUT="$OUT" SERVER="$copy" NAME="-$name" >"$copy/make.log" 2>&1; then
        cat "$copy/make.log"
        echo "    DOES NOT BUILD"
        failed=$((failed + 1))
    elif ! seed=$(hunt); then
        echo "    NOT CAUGHT"
        failed=$((failed + 1))
    elif ! sound "$seed"; then
        echo "    NOT CAUGHT: the server without the bug fails too with $seed"
        failed=$((failed + 1))
    else
        echo "    caught by $seed"
        passed=$((passed + 1))
    fi
    rm -rf "$OUT"/*/server-"$name" "$OUT"/sim-*-"$name"
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
