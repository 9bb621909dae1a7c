#!/bin/sh
# planted.sh [NAME...]: plants each bug of planted/ in a copy of the server's sources, and plays seeds until the simulator
# catches it. The first line of a script names what it edits, a file or two, and says what the bug is; it may also say
# which kind of seeds can catch it: "(only floods)" or "(only operator)" becomes sim's option --only. The scripts of
# exercises 9 and 10 edit the sources with the handler of docs/answers, which is played in a mode of its own.
set -eu
cd "$(dirname "$0")"
OUT=${OUT:-../../build/sim}
SERVER=${SERVER:-../..}
MODES=${MODES:-echo chat}
SEEDS=${SEEDS:-4000}
passed=0
failed=0

# Prints the seed that caught the bug. A few seeds catch most bugs, so a tenth of SEEDS is tried first.
hunt() {
    make -s asan tsan OUT="$OUT" SERVER="$copy" NAME="-$name" >"$copy/make.log" 2>&1
    for seeds in $((SEEDS / 10)) "$SEEDS"; do
        for kind in asan tsan; do
            for mode in $modes; do
                ! hunt_in "$kind" "$mode" "$seeds" || return 0
            done
        done
    done
    return 1
}

# hunt_in KIND MODE SEEDS: does the same for one kind and mode. A failing seed counts only if it passes without the bug.
hunt_in() {
    from=1
    while [ "$from" -le "$3" ]; do
        play "$name" "$1" "$2" "$from" $(($3 - from + 1)) >"$copy/$1-$2.log" 2>&1 && return 1
        seed=$(sed -n "s/^sim: $2, seed \([0-9]*\) FAILED.*/\1/p" "$copy/$1-$2.log" | head -n 1)
        said=$(grep -aE '^sim: .*: |SUMMARY|Assertion' "$copy/$1-$2.log" | grep -v replay | head -n 1 | cut -c 1-120)
        if play "$base" "$1" "$2" "$seed" 1 >/dev/null 2>&1; then
            echo "$1, $2, ${only:+only $only, }seed $seed: ${said#sim: *ms, }"
            return 0
        fi
        from=$((seed + 1))
    done
    return 1
}

# play NAME KIND MODE FROM SEEDS
play() {
    "$OUT/sim-$2-$1" --mode "$3" ${only:+--only "$only"} --from "$4" --seeds "$5" --failures 1
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
    case $files in chat/*) modes=chat ;; esac
    [ "$only" != operator ] || modes=chat # no other server has one
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
    only=$(echo "$what" | sed -n 's/.* (only \(.*\))$/\1/p')
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
    else
        echo "    caught by $seed"
        passed=$((passed + 1))
    fi
    rm -rf "$OUT"/*/server-"$name" "$OUT"/sim-*-"$name"
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
