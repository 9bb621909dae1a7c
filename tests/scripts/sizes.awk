# Fails when a function is longer than 40 lines, or a file is longer than its limit: a function should fit on the screen,
# and a file in the reader's head. clang-format makes this simple: a body begins and ends with a brace in the first column.
BEGIN {
    most["Overlapped.h"] = 340
    most["Main.cpp"] = 300
    most["Proactor.cpp"] = 700
    most["util.cpp"] = 320
}
function limit(file) {
    if (file in most) return most[file]
    return file == "support/unicode.h" ? 1e9 : file ~ /^(chat|support)\// ? 450 : 900
}
{ lines[FILENAME]++ }
FNR == 1 { name = "" }
/^[A-Za-z].*[(]/ && !/;$/ { name = $0; start = FNR }
/^}/ && name != "" {
    if (FNR - start + 1 > 40) { print FILENAME ":" start ": " FNR - start + 1 " lines, 40 at most: " name; bad = 1 }
    name = ""
}
END {
    for (file in lines) {
        if (lines[file] > limit(file)) { print file ": " lines[file] " lines, " limit(file) " at most"; bad = 1 }
    }
    exit bad
}
