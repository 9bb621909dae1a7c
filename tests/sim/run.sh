#!/bin/sh
# run.sh quick              both sanitizers, echo and chat, and the fuzzer's corpus: under 3 minutes on 2 cores
# run.sh full               the same with many more seeds, a few minutes
# run.sh seed MODE SEED     plays one seed and prints all that happens
# run.sh coverage           the lines of the server that no seed reached
# run.sh fuzz SECONDS       clang's libFuzzer; inputs of interest that it finds join build/sim/corpus
# run.sh pack               minimizes the corpus, with what was found, and packs it into corpus.txt
# Environment: SEEDS (number), FROM (the first), JOBS.
set -eu
cd "$(dirname "$0")"
OUT=${OUT:-../../build/sim}
SERVER=${SERVER:-../..}
FROM=${FROM:-1}
JOBS=${JOBS:-2}

build() {
    sh ../scripts/need.sh make=make gcc=gcc,libc6-dev >&2
    make -s -j2 "$1" OUT="$OUT" SERVER="$SERVER"
}

build_fuzzer() {
    sh ../scripts/need.sh clang=clang >&2
    echo 'int LLVMFuzzerTestOneInput(void);int LLVMFuzzerTestOneInput(void){return 0;}' |
        clang -fsanitize=fuzzer,address -x c - -o /dev/null 2>/dev/null ||
        sh ../scripts/need.sh no-such-command="libclang-rt-$(clang -dumpversion | cut -d. -f1)-dev" >&2
    make -s fuzz OUT="$OUT" SERVER="$SERVER"
}

# KIND MODE SEEDS
play() {
    echo "$1, $2: seeds $FROM to $((FROM + ${SEEDS:-$3} - 1))"
    if "$OUT/sim-$1" --mode "$2" --from "$FROM" --seeds "${SEEDS:-$3}" --jobs "$JOBS" >"$OUT/$1-$2.txt"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
    fi
    tail -n 2 "$OUT/$1-$2.txt"
}

# Prints how often each call was made, and how often it was made to fail, in all runs.
calls() {
    echo "call                                               made made to fail"
    cat "$OUT"/asan-echo.txt "$OUT"/asan-chat.txt "$OUT"/tsan-echo.txt "$OUT"/tsan-chat.txt |
        awk 'NF == 3 && $2 ~ /^[0-9]+$/ { if (!($1 in made)) order[++n] = $1; made[$1] += $2; failed[$1] += $3 }
             END { for (i = 1; i <= n; i++) printf "%-40s %14d %12d\n", order[i], made[order[i]], failed[order[i]] }'
}

# corpus.txt has one input per line, as a format of printf(1). Fills OUT/corpus; what the fuzzer added there stays.
unpack() {
    mkdir -p "$OUT/corpus"
    rm -f "$OUT"/corpus/line-*
    number=0
    while IFS= read -r line; do
        number=$((number + 1))
        # shellcheck disable=SC2059
        printf "$line" >"$OUT/corpus/line-$number"
    done <corpus.txt
}

# The first byte, which draws the options, is written as a number, so that no line begins with a dash. Sorted, so that a
# diff shows what came and what went.
pack() {
    for file in "$1"/*; do
        od -An -v -to1 "$file" | LC_ALL=C awk '
            { for (i = 1; i <= NF; i++) {
                code = substr($i, 1, 1) * 64 + substr($i, 2, 1) * 8 + substr($i, 3, 1)
                character = code < 32 || code > 126 ? "\\" $i : sprintf("%c", code)
                if (code == 10) character = "\\n"
                if (code == 13) character = "\\r"
                if (character == "\\" || character == "%") character = character character
                line = line (NR == 1 && i == 1 ? "\\" $i : character)
            } }
            END { print line }'
    done | LC_ALL=C sort
}

# The fewest inputs, to the best of libFuzzer's knowledge, that reach all that OUT/corpus reaches.
minimise_and_pack() {
    unpack
    rm -rf "$OUT/minimal"
    mkdir "$OUT/minimal"
    "$OUT/fuzz" -set_cover_merge=1 -max_len=9000 -artifact_prefix="$OUT/" "$OUT/minimal" "$OUT/corpus" >"$OUT/merge.txt" 2>&1 ||
        { tail -n 40 "$OUT/merge.txt" && exit 1; }
    pack "$OUT/minimal" >"$OUT/corpus.txt"
    echo "corpus: $(ls "$OUT/corpus" | wc -l) inputs, $(wc -l <"$OUT/corpus.txt") of them do the same"
    mv "$OUT/corpus.txt" corpus.txt
    rm -rf "$OUT/corpus"
}

corpus() {
    build_fuzzer
    unpack
    if "$OUT/fuzz" -runs=0 -artifact_prefix="$OUT/" "$OUT/corpus" >"$OUT/replay.txt" 2>&1; then
        echo "corpus: $(ls "$OUT/corpus" | wc -l) inputs replayed"
        passed=$((passed + 1))
    else
        tail -n 40 "$OUT/replay.txt"
        failed=$((failed + 1))
    fi
}

# ASAN-SEEDS TSAN-SEEDS
play_all() {
    passed=0
    failed=0
    build all
    for mode in echo chat; do
        play asan $mode "$1"
        play tsan $mode "$2"
    done
    calls
    corpus
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
}

coverage() {
    build cov
    find "$OUT" -name '*.gcda' -delete
    for mode in echo chat; do
        "$OUT/sim-cov" --mode $mode --from "$FROM" --seeds "${SEEDS:-3000}" --jobs "$JOBS" | tail -n 1
    done
    for object in "$OUT"/cov/server/*.o "$OUT"/cov/server/*/*.o; do
        gcov -o "$(dirname "$object")" "$object" -t 2>/dev/null |
            awk -v file="$(basename "$object" .o).cpp" '
                /^ *-:    0:Source:/ { here = index($0, file) > 0 }
                !here || /^ *-:/ { next }
                { lines++ }
                /^ *#####:/ { missed++; text = text "    " $0 "\n" }
                END { printf "%s: %d of %d lines, %.1f %%\n%s", file, lines - missed, lines, 100 * (lines - missed) / lines, text }'
    done
}

case ${1:-quick} in
quick) play_all 1000 1000 ;;
full) play_all 8000 4000 ;;
seed)
    build all
    "$OUT/sim-asan" --mode "$2" --seed "$3"
    "$OUT/sim-tsan" --mode "$2" --seed "$3" >/dev/null
    ;;
coverage) coverage ;;
fuzz)
    build_fuzzer
    unpack
    "$OUT/fuzz" -max_total_time="${2:-600}" -max_len=9000 -dict=fuzz.dict -artifact_prefix="$OUT/" "$OUT/corpus"
    ;;
pack)
    build_fuzzer
    minimise_and_pack
    ;;
*)
    sed -n '2,8s/^# //p' "$0"
    exit 2
    ;;
esac
