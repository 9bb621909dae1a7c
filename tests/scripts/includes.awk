# Fails when an include goes the wrong way. The model includes no other header; support/ includes the model; chat/ includes
# both, and only Main.cpp includes chat.h. Room and terminal do not include each other. Headers form no cycle.
function room(file) { return file ~ /^chat\// ? "chat" : file ~ /^support\// ? "support" : "" }
function complain(what) { print FILENAME ":" FNR ": " what; bad = 1 }

/^#include "/ {
    split($0, part, "\"")
    target = part[2]
    if (target ~ /^\.\.\//) target = substr(target, 4)
    else if (room(FILENAME) != "") target = room(FILENAME) "/" target
    if (FILENAME ~ /\.h$/) includes[FILENAME] = includes[FILENAME] " " target
    from = room(FILENAME)
    to = room(target)
    if (FILENAME == "Overlapped.h") complain("the model includes no header of the project")
    if (from == "support" && to != "support" && target != "Overlapped.h") complain("support/ knows only the model")
    if (from == "" && to == "chat" && (FILENAME != "Main.cpp" || target != "chat/chat.h"))
        complain("only Main.cpp knows the chat, and only by chat.h")
    if (FILENAME ~ /^chat\/room/ && target ~ /terminal/ || FILENAME ~ /^chat\/terminal/ && target ~ /room/)
        complain("room and terminal do not know each other")
}

# Follows the headers from `file`; `path` has those on the way.
function follow(file, path,    list, count, i) {
    if (index(path, " " file " ")) { print "a circle of headers:" path file; bad = 1; return }
    count = split(includes[file], list, " ")
    for (i = 1; i <= count; i++) follow(list[i], path file " ")
}

END {
    for (file in includes) follow(file, " ")
    exit bad
}
