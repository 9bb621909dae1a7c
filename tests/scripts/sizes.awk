# Fails when a function is longer than 40 lines or a file than 900: a function fits a screen, a file fits a head.
# The format that clang-format keeps makes this simple: a body begins and ends with a brace in the first column.
{ lines[FILENAME]++ }
FNR == 1 { name = "" }
/^[A-Za-z].*[(]/ && !/;$/ { name = $0; start = FNR }
/^}/ && name != "" {
    if (FNR - start + 1 > 40) { print FILENAME ":" start ": " FNR - start + 1 " lines, 40 at most: " name; bad = 1 }
    name = ""
}
END {
    for (file in lines) {
        most = 900
        if (lines[file] > most) { print file ": " lines[file] " lines, " most " at most"; bad = 1 }
    }
    exit bad
}
