# Fails when a function is longer than 60 lines or a source file than about 500. The format that clang-format keeps makes
# this simple: a function's body begins with "{" and ends with "}" in the first column.
FNR == 1 { lines[FILENAME] = 0; name = "" }
{ lines[FILENAME]++ }
/^[A-Za-z].*[(]/ { name = $0; start = FNR }
/^}/ && name != "" {
    if (FNR - start + 1 > 60) { print FILENAME ":" start ": " FNR - start + 1 " lines: " name; bad = 1 }
    name = ""
}
END {
    for (file in lines) if (lines[file] > 520) { print file ": " lines[file] " lines"; bad = 1 }
    exit bad
}
