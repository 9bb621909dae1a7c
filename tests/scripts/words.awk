# Fails on words that mark English translated word for word, and says what to write instead.
BEGIN {
    instead["anew"] = "again"
    instead["mend"] = instead["mends"] = instead["mended"] = instead["mending"] = "fix"
    instead["at the most"] = "at most"
    instead["has had"] = "another tense"
    instead["leave word"] = instead["leaves word"] = "notify, publish"
    instead["by the way"] = "nothing, or a sentence of its own"
    instead["is to be"] = instead["are to be"] = "must, will or should"
    instead["who knows"] = instead["who talks"] = instead["who sends"] = instead["who waits"] = "the client that ..."
    instead["hand over"] = instead["handed over"] = "migrate"
    instead["overfull"] = "overloaded"
}
FILENAME !~ /words\.awk$/ {
    line = " " tolower($0) " "
    gsub(/[^a-z]+/, " ", line)
    for (word in instead) {
        if (index(line, " " word " ")) { print FILENAME ":" FNR ": \"" word "\": " instead[word]; bad = 1 }
    }
}
END { exit bad }
