# Fails when a function is longer than 60 lines or a file than about 500. Two files may be longer, so that the lecture's
# four are enough: Main.cpp has the handlers, chat among them, and util.cpp all of start-up, the console and the trace.
# The format that clang-format keeps makes this simple: a body begins and ends with a brace in the first column.
{ lines[FILENAME]++ }
FNR == 1 { name = "" }
/^[A-Za-z].*[(]/ { name = $0; start = FNR }
/^}/ && name != "" {
    if (FNR - start + 1 > 60) { print FILENAME ":" start ": " FNR - start + 1 " lines: " name; bad = 1 }
    name = ""
}
END {
    for (file in lines) {
        limit = file == "Main.cpp" || file == "util.cpp" ? 870 : 530
        if (lines[file] > limit) { print file ": " lines[file] " lines"; bad = 1 }
    }
    exit bad
}
