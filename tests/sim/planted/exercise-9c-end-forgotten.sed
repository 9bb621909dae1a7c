# Main.cpp: exercise 9 without the end: 0 bytes are sent back as well
/^static void upper_received/,/^}/s/^    echo_received(session, bytes);.*/    session->swsa[0].buf = session->rbuf;\n    session->swsa[0].len = bytes;\n    session_send(session);/
