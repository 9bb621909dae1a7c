# Main.cpp: a message is given to its author too
s/record.author != reader/record.length/
