# report.awk: reads lines "ROW NAME FIGURE VALUE", the n-th of a kind from the n-th turn, prints the table and writes the
# JSON. Set: json, machine, date, command, turns (and more_turns, for quick rows), seconds, pinned, before (with an older
# build).
#
# Exits with 1 if a figure is worse than the older build's: the median of the turns' ratios, new to old (old to new where
# less is better), is below 0.95, and the ranges of the middle half of the turns do not overlap. With judge=ROW it prints
# nothing and exits with 1 if a figure of that row is worse.
BEGIN {
    peers = split((before ? "before " : "") "asio textbook", peer)
    title["server"] = "this server"
    title["before"] = "before"
    title["asio"] = "Asio"
    title["textbook"] = "textbook"
    #     row         figure            text                                    unit          digits
    show("ping-1",     "rate",           "ping-pong, 1 client",                  "messages/s", 0)
    show("ping-1",     "p50",            "  half of the answers within",         "ms",         2)
    show("ping-1",     "p99",            "  99 % within",                        "ms",         2)
    show("ping-1",     "cpu",            "  processor time",                     "us/message", 0)
    show("ping-32",    "rate",           "ping-pong, 32 clients",                "messages/s", 0)
    show("ping-32",    "p50",            "  half of the answers within",         "ms",         2)
    show("ping-32",    "p99",            "  99 % within",                        "ms",         2)
    show("ping-32",    "fairness",       "  least / most served",                "",           2)
    show("ping-32",    "cpu",            "  processor time",                     "us/message", 0)
    show("ping-1-near", "rate",          "one processor, 1 client",              "messages/s", 0)
    show("ping-1-near", "cpu",           "  processor time",                     "us/message", 0)
    show("ping-32-near", "rate",         "one processor, 32 clients",            "messages/s", 0)
    show("ping-32-near", "cpu",          "  processor time",                     "us/message", 0)
    show("ping-500",   "rate",           "ping-pong, 500 clients",               "messages/s", 0)
    show("ping-500",   "p50",            "  half of the answers within",         "ms",         1)
    show("ping-500",   "p99",            "  99 % within",                        "ms",         1)
    show("ping-500",   "fairness",       "  least / most served",                "",           2)
    show("ping-500",   "cpu",            "  processor time",                     "us/message", 0)
    show("ping-63",    "rate",           "ping-pong, 63 clients",                "messages/s", 0)
    show("ping-63",    "fairness",       "  least / most served",                "",           2)
    show("ping-126",   "rate",           "ping-pong, 126 clients",               "messages/s", 0)
    show("ping-126",   "fairness",       "  least / most served",                "",           2)
    show("ping-559",   "rate",           "ping-pong, 559 clients",               "messages/s", 0)
    show("ping-559",   "fairness",       "  least / most served",                "",           2)
    show("calls-1",    "calls",          "kernel calls, 1 client",               "/message",   2)
    show("calls-quiet", "calls",         "kernel calls, 1 client with pauses",   "/message",   2)
    show("calls-32",   "calls",          "kernel calls, 32 in lockstep",         "/message",   2)
    show("calls-connect", "calls",       "kernel calls, connect to close",       "/client",    2)
    show("bulk",       "rate",           "bulk echo, 1 client",                  "MB/s",       1)
    show("connect",    "rate",           "connect, echo, close",                 "clients/s",  0)
    show("connect",    "cpu",            "  processor time",                     "us/client",  0)
    show("burst-50",   "rate",           "chat burst, 50 clients",               "lines/s",    0)
    show("burst-1000", "rate",           "chat burst, 1,000 clients",            "lines/s",    0)
    show("paced",      "cpu",            "chat line by line, 50 clients",        "us/line",    0)
    show("trace-file", "kept",           "chat burst, with --trace-file",        "of without", 2)
    show("crowd",      "held",           "crowd: clients held",                  "",           0)
    show("crowd",      "alone",          "  32 busy ones, without the crowd",    "messages/s", 0)
    show("crowd",      "busy",           "  32 busy ones, in the crowd",         "messages/s", 0)
    show("crowd",      "kept",           "  of the throughput alone",            "times",      2)
    show("crowd",      "cpu_growth",     "  processor time against alone",       "times",      2)
    show("crowd",      "memory_to_1000", "  resident memory, 100 to 1,000",      "KiB/client", 1)
    show("crowd",      "memory_to_all",  "  resident memory, 1,000 to all",      "KiB/client", 1)
}

function show(row, figure, text, unit, digits)
{
    shown++
    row_of[shown] = row
    figure_of[shown] = figure
    text_of[shown] = text
    unit_of[shown] = unit
    digits_of[shown] = digits
}

{
    key = $1 " " $2 " " $3
    value[key, ++count[key]] = $4 + 0
    if ($3 ~ /^call:/) calls[++kinds] = $0
}

# Divides the throughput with a trace file by the throughput without one in the same turn.
function trace_kept(    i, key)
{
    key = "trace-file server "
    for (i = 1; i <= count["trace-file traced rate"] && i <= count[key "rate"]; i++)
        value[key "kept", ++count[key "kept"]] = value["trace-file traced rate", i] / value[key "rate", i]
}

# Sorts list[1..n], which is short.
function sort(list, n,    i, j, x)
{
    for (i = 2; i <= n; i++) {
        x = list[i]
        for (j = i - 1; j >= 1 && list[j] > x; j--) list[j + 1] = list[j]
        list[j + 1] = x
    }
}

# Returns the value below which that fraction of the sorted list[1..n] lies.
function quantile(list, n, part,    at, i)
{
    at = 1 + (n - 1) * part
    i = int(at)
    return i == n ? list[n] : list[i] + (at - i) * (list[i + 1] - list[i])
}

# Sets median, least, most and the quartiles low and high of list[1..n].
function summarize(list, n)
{
    sort(list, n)
    least = list[1]
    most = list[n]
    median = quantile(list, n, 0.5)
    low = quantile(list, n, 0.25)
    high = quantile(list, n, 0.75)
}

# Summarizes a server's runs. Returns how many there were.
function summarize_runs(key,    i, list)
{
    for (i = 1; i <= count[key]; i++) list[i] = value[key, i]
    if (count[key]) summarize(list, count[key])
    return count[key]
}

# Summarizes the ratios of this server to a peer, each from one turn.
function summarize_ratios(row, figure, name,    ours, theirs, i, n, list)
{
    ours = row " server " figure
    theirs = row " " name " " figure
    for (i = 1; i <= count[ours] && i <= count[theirs]; i++)
        if (value[theirs, i] > 0) list[++n] = value[ours, i] / value[theirs, i]
    if (n) summarize(list, n)
    return n
}

# Returns true if the figure in line i of the table is worse than before. Sets ratio, ours and theirs.
function worse(i,    row, figure, old_low, old_high, less_is_better)
{
    row = row_of[i]
    figure = figure_of[i]
    if (figure ~ /^(kept|cpu_growth)$/) return 0 # ratios within one build: they worsen when their base improves
    if (!summarize_ratios(row, figure, "before")) return 0
    ratio = median
    summarize_runs(row " before " figure)
    old_low = low
    old_high = high
    theirs = range(i)
    summarize_runs(row " server " figure)
    ours = range(i)
    less_is_better = figure ~ /^(p50|p99|cpu|calls|memory_.*)$/
    return less_is_better ? ratio > 1 / 0.95 && low > old_high : ratio < 0.95 && high < old_low
}

function range(i)
{
    return number(low, digits_of[i]) " to " number(high, digits_of[i])
}

# Returns how many figures are worse than before, of one row or of all, and prints them unless a row is judged.
function count_worse(row,    i, n, text)
{
    for (i = 1; i <= shown; i++) {
        if (row && row_of[i] != row || !worse(i)) continue
        n++
        text = text_of[i]
        sub(/^ */, "", text)
        if (!row)
            printf "FAILED: %s (%s%s): %.2f times before; middle half of the turns %s, before %s\n", row_of[i], text,
                   unit_of[i] ? ", " unit_of[i] : "", ratio, ours, theirs
    }
    return n
}

function number(x, digits,    text, head)
{
    text = sprintf("%." digits "f", x)
    if (digits > 0) return text
    while (match(text, /[0-9][0-9][0-9][0-9]($|,)/)) # 1234567 -> 1,234,567
        text = substr(text, 1, RSTART) "," substr(text, RSTART + 1)
    return text
}

function ratio_text(row, figure, name,    n, format)
{
    n = summarize_ratios(row, figure, name)
    if (!n) return "-"
    format = median >= 20 ? "%.0f" : "%.2f"
    if (n == 1) return sprintf(format, median)
    return sprintf(format " (" format "-" format ")", median, least, most)
}

function table(    i, p, line)
{
    line = sprintf("%-34s %-10s %12s", "", "", title["server"])
    for (p = 1; p <= peers; p++) line = line sprintf(" %9s", title[peer[p]])
    for (p = 1; p <= peers; p++) line = line sprintf("  %-18s", "/ " title[peer[p]])
    sub(/ +$/, "", line)
    print line
    for (i = 1; i <= shown; i++) {
        if (!summarize_runs(row_of[i] " server " figure_of[i])) continue
        line = sprintf("%-34s %-10s %12s", text_of[i], unit_of[i], number(median, digits_of[i]))
        for (p = 1; p <= peers; p++)
            line = line sprintf(" %9s", summarize_runs(row_of[i] " " peer[p] " " figure_of[i]) ? number(median, digits_of[i]) : "-")
        for (p = 1; p <= peers; p++)
            line = line sprintf("  %-18s", ratio_text(row_of[i], figure_of[i], peer[p]))
        sub(/ +$/, "", line)
        print line
    }
}

function notes(    i, name)
{
    print ""
    print "Medians of " turns (more_turns > turns ? " to " more_turns : "") " turns (--trace-file: " 3 * turns ") in which the servers follow each other; a ratio is this server's figure by the peer's,"
    print "the median over the turns (and from the least to the most). \"-\": not measured; the textbook server takes 63 clients."
    if (before) print "\"before\": the older build. Where it seemed better, both played more turns."
    if (pinned) print "The server has a processor to itself and Wine's kernel another, but for the rows \"one processor\", where they share it."
    for (i = 1; i <= 2; i++) {
        name = i == 1 ? "burst-50" : "burst-1000"
        if (summarize_runs(name " asio share") && median < 1)
            printf "%s: Asio's server was stopped when it had delivered %.1f %% of the burst.\n", name, 100 * median
    }
    print machine "; " command ", " seconds " s, " date
}

function json_runs(key,    i, text)
{
    text = "["
    for (i = 1; i <= count[key]; i++) text = text (i > 1 ? ", " : "") sprintf("%.6g", value[key, i])
    return text "]"
}

function json_figure(row, figure, unit, name,    text)
{
    if (!summarize_runs(row " " name " " figure)) return ""
    text = sprintf("\n      \"%s\": {\"median\": %.6g, \"runs\": %s", name, median, json_runs(row " " name " " figure))
    if (name != "server" && summarize_ratios(row, figure, name))
        text = text sprintf(", \"ratio\": {\"median\": %.4g, \"least\": %.4g, \"most\": %.4g}", median, least, most)
    return text "}"
}

function json_calls(    i, part, text)
{
    for (i = 1; i <= kinds; i++) {
        split(calls[i], part, " ")
        sub(/^call:/, "", part[3])
        text = text sprintf("%s\n    {\"row\": \"%s\", \"server\": \"%s\", \"call\": \"%s\", \"per_message\": %.3f}", i > 1 ? "," : "",
                            part[1], part[2], part[3], part[4])
    }
    return text
}

function write_json(    i, p, text, more, first)
{
    gsub(/["\\]/, "", machine)
    printf "{\n  \"machine\": \"%s\",\n  \"date\": \"%s\",\n  \"command\": \"%s\",\n", machine, date, command >json
    printf "  \"seconds\": %d,\n  \"turns\": %d,\n  \"figures\": [", seconds, turns >json
    first = 1
    for (i = 1; i <= shown; i++) {
        text = json_figure(row_of[i], figure_of[i], unit_of[i], "server")
        if (text == "") continue
        for (p = 1; p <= peers; p++) {
            more = json_figure(row_of[i], figure_of[i], unit_of[i], peer[p])
            if (more != "") text = text "," more
        }
        printf "%s\n    {\"row\": \"%s\", \"figure\": \"%s\", \"unit\": \"%s\", \"servers\": {%s}}", first ? "" : ",", row_of[i],
               figure_of[i], unit_of[i], text >json
        first = 0
    }
    printf "\n  ],\n  \"calls\": [%s\n  ]\n}\n", json_calls() >json
}

END {
    if (judge) exit count_worse(judge) > 0
    trace_kept()
    table()
    notes()
    write_json()
    exit count_worse() > 0
}
