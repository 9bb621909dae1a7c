# calls.awk: counts the calls in a log of Wine's kernel between the marks "=== begin" and "=== end", per message, as lines
# "ROW calls VALUE", and for each kind of call "ROW call:NAME VALUE". Set: row, messages.
/^=== / { on = $2 == "begin" }
on && /^[0-9a-f]+: [a-z_]+\(/ && !/\(\) = / {
    name = $2
    sub(/\(.*/, "", name)
    calls[name]++
    total++
}
END {
    if (messages == 0) exit 1
    print row, "calls", total / messages
    for (name in calls) if (calls[name] / messages >= 0.005) print row, "call:" name, calls[name] / messages
}
